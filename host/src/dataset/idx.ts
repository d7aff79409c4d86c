/** The IDX format of MNIST: big-endian header (magic, dimensions), then the values, last dimension first. */

import { DataError } from '../errors.js';
import type { ImageSet } from './image-set.js';

const MAGIC_IMAGES = 0x0803; // unsigned byte, 3 dimensions
const MAGIC_LABELS = 0x0801; // unsigned byte, 1 dimension
const MAGIC_LABEL_ROWS = 0x0c02; // 32-bit integer, 2 dimensions: QMNIST, the class first
const FETCH_AGAIN = 'get the file again: priot data fetch mnist';

/** A decompressed file; the name is for messages. */
export interface IdxFile {
  readonly fileName: string;
  readonly bytes: Uint8Array;
}

interface IdxArray {
  readonly magic: number;
  readonly dimensions: readonly number[];
  /** A view into the file's bytes. */
  readonly values: Uint8Array;
}

function parseIdx({ bytes, fileName }: IdxFile, magics: readonly number[], remedy: string): IdxArray {
  const tooShort = () =>
    new DataError('TRUNCATED', `${fileName}: ${bytes.length} bytes, shorter than its header`, remedy);
  if (bytes.length < 4) throw tooShort();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (!magics.includes(magic)) {
    const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
    const expected = magics.map(hex).join(' or ');
    throw new DataError('BAD_MAGIC', `${fileName}: IDX magic ${hex(magic)}, expected ${expected}`, remedy);
  }
  const headerBytes = 4 + 4 * (magic & 0xff);
  if (bytes.length < headerBytes) throw tooShort();
  const dimensions = Array.from({ length: magic & 0xff }, (_, i) => view.getUint32(4 + 4 * i));
  if (dimensions.includes(0)) {
    throw new DataError('BAD_DIMENSIONS', `${fileName}: a dimension is 0 (${dimensions.join(' x ')})`, remedy);
  }
  const valueBytes = magic >> 8 === 0x0c ? 4 : 1;
  // Three 32-bit factors may leave the exact integers of a double, but never come back to a length that fits.
  const expected = headerBytes + dimensions.reduce((product, dimension) => product * dimension, valueBytes);
  if (bytes.length !== expected) {
    const code = bytes.length < expected ? 'TRUNCATED' : 'TRAILING_BYTES';
    throw new DataError(code, `${fileName}: ${bytes.length} bytes, its header announces ${expected}`, remedy);
  }
  return { magic, dimensions, values: bytes.subarray(headerBytes) };
}

/** Images as an IDX file has them: one channel, 0..255, one image after another. `pixels` is a view into the file. */
export interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/**
 * Reads an image file (count, height, width).
 *
 * @throws DataError TRUNCATED, TRAILING_BYTES, BAD_MAGIC, BAD_DIMENSIONS
 */
export function parseIdxImages(file: IdxFile, remedy: string): IdxImages {
  const { dimensions, values } = parseIdx(file, [MAGIC_IMAGES], remedy);
  const [count, height, width] = dimensions as readonly [number, number, number];
  return { count, height, width, pixels: values };
}

/**
 * Reads a label file: one byte an image, or rows of 32-bit integers whose first is the label, as QMNIST has.
 *
 * @throws DataError TRUNCATED, TRAILING_BYTES, BAD_MAGIC, BAD_DIMENSIONS
 */
export function parseIdxLabels(file: IdxFile, remedy: string): Int32Array {
  const { magic, dimensions, values } = parseIdx(file, [MAGIC_LABELS, MAGIC_LABEL_ROWS], remedy);
  if (magic === MAGIC_LABELS) return Int32Array.from(values);
  const [count, columns] = dimensions as readonly [number, number];
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  return Int32Array.from({ length: count }, (_, row) => view.getInt32(4 * columns * row));
}

/** Checks that each image has a label. @throws DataError LABEL_COUNT */
export function checkLabelCount(images: IdxFile, count: number, labels: IdxFile, labelCount: number, remedy: string) {
  if (labelCount === count) return;
  throw new DataError(
    'LABEL_COUNT',
    `${labels.fileName} has ${labelCount} labels for the ${count} images of ${images.fileName}`,
    remedy,
  );
}

/**
 * Makes an image set of MNIST's files: an image file (count, height, width) and its label file (count).
 * The set's pixels are a view into the file's bytes.
 *
 * @throws DataError TRUNCATED, TRAILING_BYTES, BAD_MAGIC, BAD_DIMENSIONS, LABEL_COUNT, LABEL_OUT_OF_RANGE
 */
export function parseIdxImageSet(name: string, images: IdxFile, labels: IdxFile, classes = 10): ImageSet {
  const { count, height, width, pixels } = parseIdxImages(images, FETCH_AGAIN);
  const values = parseIdx(labels, [MAGIC_LABELS], FETCH_AGAIN).values;
  checkLabelCount(images, count, labels, values.length, FETCH_AGAIN);
  const outOfRange = values.findIndex((label) => label >= classes);
  if (outOfRange >= 0) {
    throw new DataError(
      'LABEL_OUT_OF_RANGE',
      `${labels.fileName}: label ${values[outOfRange]} of image ${outOfRange} is not in 0..${classes - 1}`,
      FETCH_AGAIN,
    );
  }
  return { name, count, height, width, channels: 1, classes, pixels, labels: values };
}
