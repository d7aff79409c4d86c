/** Small data sets in the published formats, and descriptions that fit them. */

import { createHash } from 'node:crypto';
import type { Cifar10Description, IdxDescription } from '#host/dataset/description.js';

export const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** An IDX file of unsigned bytes. */
export function encodeIdx(dimensions: readonly number[], values: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4 + 4 * dimensions.length + values.length);
  bytes.writeUInt32BE(0x0800 + dimensions.length, 0);
  dimensions.forEach((dimension, i) => {
    bytes.writeUInt32BE(dimension, 4 + 4 * i);
  });
  bytes.set(values, 4 + 4 * dimensions.length);
  return bytes;
}

export interface IdxSample {
  readonly description: IdxDescription;
  /** Canonical name -> decompressed bytes. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** MNIST in little: 3 training and 2 test images of 2x3 pixels. */
export function idxSample(): IdxSample {
  const ramp = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => first + 7 * i);
  const files = {
    'train-images-idx3-ubyte': encodeIdx([3, 2, 3], ramp(18, 1)),
    'train-labels-idx1-ubyte': encodeIdx([3], Uint8Array.of(9, 0, 4)),
    't10k-images-idx3-ubyte': encodeIdx([2, 2, 3], ramp(12, 50)),
    't10k-labels-idx1-ubyte': encodeIdx([2], Uint8Array.of(1, 2)),
  };
  const known = (bytes: Uint8Array) => ({ sha256: sha256(bytes) });
  const description: IdxDescription = {
    name: 'mnist',
    format: 'idx',
    title: 'sample',
    homepage: '',
    licence: '',
    classes: Array.from('0123456789'),
    folders: ['mnist'],
    mirrors: [],
    files: {
      'train-images-idx3-ubyte': known(files['train-images-idx3-ubyte']),
      'train-labels-idx1-ubyte': known(files['train-labels-idx1-ubyte']),
      't10k-images-idx3-ubyte': known(files['t10k-images-idx3-ubyte']),
      't10k-labels-idx1-ubyte': known(files['t10k-labels-idx1-ubyte']),
    },
  };
  return { description, files };
}

/** Records of CIFAR-10: labels as given, planes filled with 10 * record + plane. */
export function cifar10Batch(labels: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(3073 * labels.length);
  labels.forEach((label, record) => {
    bytes[3073 * record] = label;
    for (let plane = 0; plane < 3; plane++) {
      const start = 3073 * record + 1 + 1024 * plane;
      bytes.fill(10 * record + plane, start, start + 1024);
    }
  });
  return bytes;
}

/** CIFAR-10 in little: two batches of two images, one test batch. */
export function cifar10Sample(archive: Uint8Array = new Uint8Array(0)): {
  description: Cifar10Description;
  files: Record<string, Uint8Array>;
} {
  return {
    description: {
      name: 'cifar10',
      format: 'cifar10',
      title: 'sample',
      homepage: '',
      licence: '',
      classes: Array.from('0123456789'),
      folders: ['cifar-10-batches-bin', 'cifar10'],
      mirrors: [],
      archive: { name: 'cifar-10-binary.tar.gz', md5: md5(archive) },
      imagesPerBatch: 2,
      train: ['data_batch_1.bin', 'data_batch_2.bin'],
      test: ['test_batch.bin'],
    },
    files: {
      'data_batch_1.bin': cifar10Batch([3, 9]),
      'data_batch_2.bin': cifar10Batch([0, 1]),
      'test_batch.bin': cifar10Batch([7, 5]),
    },
  };
}

function tarEntry(name: string, type: string, bytes: Uint8Array): Uint8Array {
  const entry = Buffer.alloc(512 + Math.ceil(bytes.length / 512) * 512);
  entry.write(name, 0);
  entry.write('0000644\0', 100);
  entry.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  entry.write('        ', 148);
  entry.write(type, 156);
  entry.write('ustar\x0000', 257);
  const sum = entry.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  entry.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  entry.set(bytes, 512);
  return entry;
}

/** A ustar archive of one folder with these files. */
export function tarOf(folder: string, files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return Buffer.concat([
    tarEntry(`${folder}/`, '5', new Uint8Array(0)),
    ...Object.entries(files).map(([name, bytes]) => tarEntry(`${folder}/${name}`, '0', bytes)),
    new Uint8Array(1024),
  ]);
}
