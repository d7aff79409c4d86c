/**
 * The binary layout of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label byte and 3,072
 * pixel bytes, the red plane, then green, then blue, each row by row.
 */

import { DataError } from '../errors.js';
import type { ImageSet } from './image-set.js';

export const SIDE = 32;
export const CHANNELS = 3;
const CLASSES = 10;
const PLANE_BYTES = SIDE * SIDE;
export const IMAGE_BYTES = PLANE_BYTES * CHANNELS;
const RECORD_BYTES = 1 + IMAGE_BYTES;
const REMEDY = 'get the files again: priot data fetch cifar10';

/** Writes the planes of one image, which begin at `start`, as HWC pixels from `out` on. */
export function interleavePlanes(bytes: Uint8Array, start: number, pixels: Uint8Array, out: number): void {
  let next = out;
  for (let pixel = start; pixel < start + PLANE_BYTES; pixel++) {
    pixels[next++] = bytes[pixel]!;
    pixels[next++] = bytes[pixel + PLANE_BYTES]!;
    pixels[next++] = bytes[pixel + 2 * PLANE_BYTES]!;
  }
}

/**
 * Makes one image set from decompressed batches, in the order given.
 *
 * @param imagesPerBatch every batch holds exactly as many, so that a truncated one cannot pass for a shorter one
 * @throws DataError TRUNCATED, TRAILING_BYTES, LABEL_OUT_OF_RANGE
 */
export function parseCifar10ImageSet(
  name: string,
  batches: readonly { readonly fileName: string; readonly bytes: Uint8Array }[],
  imagesPerBatch: number,
): ImageSet {
  const count = imagesPerBatch * batches.length;
  const pixels = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  let image = 0;
  for (const { fileName, bytes } of batches) {
    const expected = imagesPerBatch * RECORD_BYTES;
    if (bytes.length !== expected) {
      const code = bytes.length < expected ? 'TRUNCATED' : 'TRAILING_BYTES';
      throw new DataError(
        code,
        `${fileName}: ${bytes.length} bytes, but ${imagesPerBatch} records of ${RECORD_BYTES} bytes are ${expected}`,
        REMEDY,
      );
    }
    for (let record = 0; record < imagesPerBatch; record++, image++) {
      const start = record * RECORD_BYTES;
      const label = bytes[start]!;
      if (label >= CLASSES) {
        throw new DataError(
          'LABEL_OUT_OF_RANGE',
          `${fileName}: label ${label} of image ${record} is not in 0..${CLASSES - 1}`,
          REMEDY,
        );
      }
      labels[image] = label;
      interleavePlanes(bytes, start + 1, pixels, image * IMAGE_BYTES);
    }
  }
  return { name, count, height: SIDE, width: SIDE, channels: CHANNELS, classes: CLASSES, pixels, labels };
}
