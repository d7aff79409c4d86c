/** What a decoder of image files gives, and the errors that decoders share. */

import { DataError } from '../../errors.js';
import { MAXIMUM_IMAGE_ELEMENTS } from './labelled-images.js';

/** An image as pixels of 0..255. */
export interface DecodedImage {
  readonly height: number;
  readonly width: number;
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3;
  /** HWC. */
  readonly pixels: Uint8Array;
}

export const UNREADABLE_REMEDY = 'replace this file or take it out of the folder';

/** Makes the error of a file that cannot be decoded. */
export function unreadable(path: string, why: string, cause?: unknown): DataError {
  return new DataError('IMAGE_UNREADABLE', `${path}: ${why}`, UNREADABLE_REMEDY, { cause });
}

/** Refuses an image by its header, before its pixels take memory. @throws DataError IMAGE_UNREADABLE, IMAGE_TOO_LARGE */
export function checkImageSize(path: string, height: number, width: number): void {
  if (height === 0 || width === 0) throw unreadable(path, `an image of ${height}x${width}`);
  if (height * width > MAXIMUM_IMAGE_ELEMENTS) {
    throw new DataError(
      'IMAGE_TOO_LARGE',
      `${path}: ${height}x${width} are more than ${MAXIMUM_IMAGE_ELEMENTS} pixels`,
      'scale the images down to what the network takes',
    );
  }
}
