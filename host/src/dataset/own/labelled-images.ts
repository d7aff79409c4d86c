/** What the readers of users' files give: images and labels as they stand there, before they are arranged. */

import { DataError } from '../../errors.js';

/** Images of one size with the labels of their files. */
export interface LabelledImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** 0..255, HWC, one image after another. */
  readonly pixels: Uint8Array;
  /** The labels as in the file: from 0 or from 1. */
  readonly labels: Int32Array;
}

/** A user's data set as it was read. */
export interface SetFromFiles {
  /** `IDX files`, `images`: for people. */
  readonly format: string;
  readonly train: LabelledImages;
  /** The test images; absent: the files have none. */
  readonly test?: LabelledImages;
  /** The names of the classes in the order of the labels; absent: the files have none. */
  readonly classNames?: readonly string[];
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

/** Above the largest input of a network (2^20 elements of a map), so that nothing larger is decoded. */
export const MAXIMUM_IMAGE_ELEMENTS = 2 ** 20;

/** Above EMNIST ByClass (547 MB), the largest published set in these formats. */
export const MAXIMUM_SET_BYTES = 2 ** 30;

/** Checks sizes before memory is taken for them. @throws DataError BAD_DIMENSIONS, IMAGE_TOO_LARGE, SET_TOO_LARGE */
export function checkSize(where: string, count: number, height: number, width: number, channels: number): void {
  const shape = `${height}x${width}x${channels}`;
  if (Math.min(count, height, width, channels) < 1) {
    throw new DataError(
      'BAD_DIMENSIONS',
      `${where}: ${count} images of ${shape}`,
      'every dimension must be at least 1',
    );
  }
  if (height * width * channels > MAXIMUM_IMAGE_ELEMENTS) {
    throw new DataError(
      'IMAGE_TOO_LARGE',
      `${where}: an image of ${shape} has more than ${MAXIMUM_IMAGE_ELEMENTS} values`,
      'scale the images down to what the network takes',
    );
  }
  if (count * height * width * channels > MAXIMUM_SET_BYTES) {
    throw new DataError(
      'SET_TOO_LARGE',
      `${where}: ${count} images of ${shape} are more than ${MAXIMUM_SET_BYTES / 2 ** 20} MiB`,
      'take fewer images, or smaller ones',
    );
  }
}
