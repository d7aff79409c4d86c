/** Data sets in a NumPy archive (.npz): x_train, y_train, x_test, y_test, as Keras has them. */

import { DataError } from '../../errors.js';
import { sha256 } from '../../files.js';
import { checkSize, type LabelledImages, MAXIMUM_SET_BYTES, type SetFromFiles } from './labelled-images.js';
import { integersOf, type NpyArray, parseNpy, textsOf } from './npy.js';
import { readZip } from './zip.js';

const CLASS_NAMES = 'class_names';

/**
 * Makes a set of an archive's arrays. Images are uint8: (n, rows, columns) or (n, rows, columns, channels).
 * Labels are integers: (n) or (n, 1). `class_names`, where it is there, holds texts.
 *
 * @throws DataError CORRUPT_ZIP, BAD_NPY, TRUNCATED, TRAILING_BYTES, MISSING_ARRAY, BAD_DIMENSIONS, LABEL_COUNT,
 * BAD_CLASS_NAMES, IMAGE_TOO_LARGE, SET_TOO_LARGE
 */
export function parseNumpyArchive(archive: Uint8Array, path: string): SetFromFiles {
  const members = new Map(readZip(archive, path, MAXIMUM_SET_BYTES).map((member) => [member.name, member]));
  const files: { name: string; sha256: string }[] = [];
  const array = (name: string): NpyArray | undefined => {
    const member = members.get(`${name}.npy`);
    if (member === undefined) return undefined;
    const parsed = parseNpy(member.read(), `${path}: ${name}`);
    files.push({ name, sha256: sha256(parsed.values) });
    return parsed;
  };
  const half = (suffix: 'train' | 'test'): LabelledImages | undefined => {
    const [images, labels] = [array(`x_${suffix}`), array(`y_${suffix}`)];
    if (images === undefined && labels === undefined) return undefined;
    const missing = images === undefined ? `x_${suffix}` : `y_${suffix}`;
    if (images === undefined || labels === undefined) throw missingArray(path, missing, [...members.keys()]);
    return labelled(path, suffix, images, labels);
  };
  const train = half('train');
  if (train === undefined) throw missingArray(path, 'x_train', [...members.keys()]);
  const test = half('test');
  const names = array(CLASS_NAMES);
  const classNames = names && textsOf(names);
  if (names !== undefined && classNames === undefined) {
    throw new DataError(
      'BAD_CLASS_NAMES',
      `${path}: ${CLASS_NAMES} is of type ${names.type}`,
      'save it as an array of texts',
    );
  }
  return { format: 'a NumPy archive', train, ...(test && { test }), ...(classNames && { classNames }), files };
}

function missingArray(path: string, name: string, present: readonly string[]): DataError {
  const listed = present.slice(0, 8).map((file) => file.replace(/\.npy$/, ''));
  return new DataError(
    'MISSING_ARRAY',
    `${path} has no ${name}${listed.length === 0 ? '' : `; it has ${listed.join(', ')}`}`,
    'numpy.savez("set.npz", x_train=…, y_train=…, x_test=…, y_test=…)',
  );
}

function labelled(path: string, suffix: string, images: NpyArray, labels: NpyArray): LabelledImages {
  const [x, y] = [`${path}: x_${suffix}`, `${path}: y_${suffix}`];
  const bad = (what: string, remedy: string) => new DataError('BAD_DIMENSIONS', what, remedy);
  if (!/^[|<>=]?u1$/.test(images.type)) {
    throw new DataError('BAD_NPY', `${x} is of type ${images.type}`, 'save pixels of 0 to 255: x.astype("uint8")');
  }
  const shape = images.shape.join(', ');
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape;
  if (images.shape.length !== 3 && images.shape.length !== 4) {
    throw bad(`${x} has the shape (${shape})`, 'save it as (n, rows, columns) or (n, rows, columns, channels)');
  }
  if (images.shape.length === 4 && channels > 4 && height <= 4) {
    throw bad(`${x} has the shape (${shape}): channels first`, 'save x.transpose(0, 2, 3, 1)');
  }
  checkSize(x, count, height, width, channels);
  const column = labels.shape.length === 1 || (labels.shape.length === 2 && labels.shape[1] === 1);
  if (!column)
    throw bad(
      `${y} has the shape (${labels.shape.join(', ')})`,
      'save one label per image: y.argmax(1) of one-hot rows',
    );
  const values = integersOf(labels);
  if (values === undefined) {
    throw new DataError(
      'BAD_NPY',
      `${y} is of type ${labels.type}, or a value is too large`,
      'save labels as integers',
    );
  }
  if (values.length !== count) {
    throw new DataError(
      'LABEL_COUNT',
      `${y} has ${values.length} labels for the ${count} images of x_${suffix}`,
      'save both again',
    );
  }
  return { count, height, width, channels, pixels: images.values, labels: values };
}
