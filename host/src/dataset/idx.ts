/** The IDX format of MNIST: big-endian header (magic, dimensions), then unsigned bytes. */

import { DataError } from '../errors.js';
import type { ImageSet } from './image-set.js';

const MAGIC_IMAGES = 0x0803; // unsigned byte, 3 dimensions
const MAGIC_LABELS = 0x0801; // unsigned byte, 1 dimension
const REMEDY = 'get the file again: priot data fetch mnist';

interface IdxArray {
  readonly dimensions: readonly number[];
  readonly values: Uint8Array;
}

function parseIdx(bytes: Uint8Array, magic: number, fileName: string): IdxArray {
  const headerBytes = 4 + 4 * (magic & 0xff);
  const tooShort = () =>
    new DataError('TRUNCATED', `${fileName}: ${bytes.length} bytes, shorter than its header`, REMEDY);
  if (bytes.length < 4) throw tooShort();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0);
  if (found !== magic) {
    const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
    throw new DataError('BAD_MAGIC', `${fileName}: IDX magic ${hex(found)}, expected ${hex(magic)}`, REMEDY);
  }
  if (bytes.length < headerBytes) throw tooShort();
  const dimensions = Array.from({ length: magic & 0xff }, (_, i) => view.getUint32(4 + 4 * i));
  if (dimensions.includes(0)) {
    throw new DataError('BAD_DIMENSIONS', `${fileName}: a dimension is 0 (${dimensions.join(' x ')})`, REMEDY);
  }
  // Three 32-bit factors may leave the exact integers of a double, but never come back to a length that fits.
  const expected = headerBytes + dimensions.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length !== expected) {
    const code = bytes.length < expected ? 'TRUNCATED' : 'TRAILING_BYTES';
    throw new DataError(code, `${fileName}: ${bytes.length} bytes, its header announces ${expected}`, REMEDY);
  }
  return { dimensions, values: bytes.subarray(headerBytes) };
}

/**
 * An image set from a decompressed IDX image file (count, height, width) and its label file (count).
 * The set's pixels and labels are views into the files' bytes.
 *
 * @throws DataError TRUNCATED, TRAILING_BYTES, BAD_MAGIC, BAD_DIMENSIONS, LABEL_COUNT, LABEL_OUT_OF_RANGE
 */
export function parseIdxImageSet(
  name: string,
  images: { readonly fileName: string; readonly bytes: Uint8Array },
  labels: { readonly fileName: string; readonly bytes: Uint8Array },
  classes = 10,
): ImageSet {
  const pixelArray = parseIdx(images.bytes, MAGIC_IMAGES, images.fileName);
  const labelArray = parseIdx(labels.bytes, MAGIC_LABELS, labels.fileName);
  const [count, height, width] = pixelArray.dimensions as readonly [number, number, number];
  if (labelArray.values.length !== count) {
    throw new DataError(
      'LABEL_COUNT',
      `${labels.fileName} has ${labelArray.values.length} labels for the ${count} images of ${images.fileName}`,
      REMEDY,
    );
  }
  const outOfRange = labelArray.values.findIndex((label) => label >= classes);
  if (outOfRange >= 0) {
    throw new DataError(
      'LABEL_OUT_OF_RANGE',
      `${labels.fileName}: label ${labelArray.values[outOfRange]} of image ${outOfRange} is not in 0..${classes - 1}`,
      REMEDY,
    );
  }
  return { name, count, height, width, channels: 1, classes, pixels: pixelArray.values, labels: labelArray.values };
}
