/** Data sets in CIFAR's binary layout: records of one label byte (CIFAR-100: two) and three planes of 32x32 pixels. */

import { basename, join } from 'node:path';
import { DataError } from '../../errors.js';
import { sha256 } from '../../files.js';
import { CHANNELS, IMAGE_BYTES, interleavePlanes, SIDE } from '../cifar10.js';
import { readDataFile } from '../data-file.js';
import { checkSize, type LabelledImages, type SetFromFiles } from './labelled-images.js';

const REMEDY = 'get or write the file again';

/** Which of CIFAR-100's two labels: one of 100 classes, or one of 20 groups of them. */
export type CifarLabels = 'fine' | 'coarse';

/** A folder's files in this layout. */
export interface CifarFiles {
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** 2: CIFAR-100. */
  readonly labelBytes: 1 | 2;
}

/** Finds a set by its files' names: `data_batch_1.bin`, …, `test_batch.bin`, or CIFAR-100's `train.bin`, `test.bin`. */
export function findCifarFiles(folder: string, names: readonly string[]): CifarFiles | undefined {
  const matching = (pattern: RegExp) => {
    const found = new Map<string, string>();
    // In order, so that a plain file is taken before its gzipped copy.
    for (const name of [...names].sort()) {
      const plain = name.replace(/\.gz$/, '');
      if (pattern.test(plain) && !found.has(plain)) found.set(plain, join(folder, name));
    }
    const number = (name: string) => Number(/\d+/.exec(name)?.[0] ?? 0);
    return [...found].sort(([a], [b]) => number(a) - number(b)).map(([, path]) => path);
  };
  const batches = matching(/^data_batch_\d{1,6}\.bin$/);
  if (batches.length > 0) return { train: batches, test: matching(/^test_batch\.bin$/), labelBytes: 1 };
  const train = matching(/^train\.bin$/);
  if (train.length > 0) return { train, test: matching(/^test\.bin$/), labelBytes: 2 };
  return undefined;
}

/**
 * Reads a set in CIFAR's layout. Batches may have any number of records.
 *
 * @param labels which label of CIFAR-100; absent: fine
 * @throws DataError TRUNCATED, and what reading files throws
 */
export async function readCifarSet(
  folder: string,
  names: readonly string[],
  found: CifarFiles,
  labels: CifarLabels = 'fine',
  signal?: AbortSignal,
): Promise<SetFromFiles> {
  const files: { name: string; sha256: string }[] = [];
  const half = async (paths: readonly string[]): Promise<LabelledImages> => {
    const parts: { path: string; bytes: Uint8Array }[] = [];
    for (const path of paths) {
      const bytes = await readDataFile(path, signal, REMEDY);
      files.push({ name: basename(path).replace(/\.gz$/, ''), sha256: sha256(bytes) });
      parts.push({ path, bytes });
    }
    return records(parts, found.labelBytes, labels);
  };
  const train = await half(found.train);
  const test = found.test.length > 0 ? await half(found.test) : undefined;
  const nameFile = found.labelBytes === 1 ? 'batches.meta.txt' : `${labels}_label_names.txt`;
  const classNames = names.includes(nameFile)
    ? Buffer.from(await readDataFile(join(folder, nameFile), signal))
        .toString('utf8')
        .trim()
        .split(/\s*\n\s*/)
    : undefined;
  const format = "CIFAR's binary layout";
  return { format, train, ...(test && { test }), ...(classNames && { classNames }), files };
}

function records(
  parts: readonly { readonly path: string; readonly bytes: Uint8Array }[],
  labelBytes: 1 | 2,
  wanted: CifarLabels,
): LabelledImages {
  const recordBytes = labelBytes + IMAGE_BYTES;
  let count = 0;
  for (const { path, bytes } of parts) {
    if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
      throw new DataError(
        'TRUNCATED',
        `${path}: ${bytes.length} bytes are no whole number of records of ${recordBytes} bytes`,
        REMEDY,
      );
    }
    count += bytes.length / recordBytes;
  }
  checkSize(parts[0]!.path, count, SIDE, SIDE, CHANNELS);
  const pixels = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Int32Array(count);
  let image = 0;
  for (const { bytes } of parts) {
    for (let start = 0; start < bytes.length; start += recordBytes, image++) {
      // CIFAR-100: the coarse label first.
      labels[image] = bytes[start + (labelBytes === 2 && wanted === 'fine' ? 1 : 0)]!;
      interleavePlanes(bytes, start + labelBytes, pixels, image * IMAGE_BYTES);
    }
  }
  return { count, height: SIDE, width: SIDE, channels: CHANNELS, pixels, labels };
}
