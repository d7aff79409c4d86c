/** Reads and checks a data set that was found on this machine. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { sha256 } from '../files.js';
import { parseCifar10ImageSet } from './cifar10.js';
import { readDataFile } from './data-file.js';
import type { Cifar10Description, DatasetDescription, IdxDescription } from './description.js';
import { parseIdxImageSet } from './idx.js';
import type { ImageSet } from './image-set.js';
import type { DatasetLocation } from './locate.js';

/**
 * The name of the file with checksums in a folder that priot filled: `{ "files": { NAME: SHA-256 } }`, for sets without
 * published SHA-256s.
 */
export const CHECKSUM_FILE = 'checksums.json';

export interface DatasetContents {
  readonly train: ImageSet;
  readonly test: ImageSet;
  /** The files in the order of the description; SHA-256 over decompressed bytes. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

interface ReadFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/**
 * Reads and checks a data set.
 * @throws DataError WRONG_CHECKSUM, BAD_CHECKSUM_FILE and everything the readers of files and formats throw: structure
 * is judged first, so that a truncated file is called truncated
 */
export async function readDataset(
  description: DatasetDescription,
  location: DatasetLocation,
  signal?: AbortSignal,
): Promise<DatasetContents> {
  const files = new Map<string, ReadFile>();
  for (const [name, path] of location.paths) {
    const bytes = await readDataFile(path, signal);
    signal?.throwIfAborted();
    files.set(name, { name, path, bytes, sha256: sha256(bytes) });
  }
  const sets = description.format === 'idx' ? idxSets(description, files) : cifar10Sets(description, files);
  const expected = description.format === 'idx' ? pinned(description) : recorded(location.folder);
  for (const file of files.values()) checkSha256(description, location, file, expected.get(file.name));
  return { ...sets, files: [...files.values()].map(({ name, sha256 }) => ({ name, sha256 })) };
}

function idxSets(description: IdxDescription, files: ReadonlyMap<string, ReadFile>) {
  const set = (part: 'train' | 't10k', name: string) => {
    const images = files.get(`${part}-images-idx3-ubyte`)!;
    const labels = files.get(`${part}-labels-idx1-ubyte`)!;
    return parseIdxImageSet(
      `${description.name} ${name}`,
      { fileName: images.path, bytes: images.bytes },
      { fileName: labels.path, bytes: labels.bytes },
    );
  };
  return { train: set('train', 'train'), test: set('t10k', 'test') };
}

function cifar10Sets(description: Cifar10Description, files: ReadonlyMap<string, ReadFile>) {
  const set = (part: 'train' | 'test') => {
    const batches = description[part].flatMap((name) => files.get(name) ?? []);
    return parseCifar10ImageSet(
      `${description.name} ${part}`,
      batches.map(({ path, bytes }) => ({ fileName: path, bytes })),
      description.imagesPerBatch,
    );
  };
  return { train: set('train'), test: set('test') };
}

function pinned(description: IdxDescription): ReadonlyMap<string, string> {
  return new Map(Object.entries(description.files).map(([name, { sha256 }]) => [name, sha256]));
}

function recorded(folder: string): ReadonlyMap<string, string> {
  const path = join(folder, CHECKSUM_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return new Map(); // a copy that priot did not fetch
  }
  try {
    const { files } = JSON.parse(text) as { files: unknown };
    const entries = Object.entries(files as Record<string, unknown>);
    if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string'))
      throw new Error('no strings');
    return new Map(entries);
  } catch (cause) {
    throw new DataError('BAD_CHECKSUM_FILE', `${path} is damaged`, 'fetch the set again: priot data fetch cifar10', {
      cause,
    });
  }
}

function checkSha256(
  description: DatasetDescription,
  location: DatasetLocation,
  file: ReadFile,
  expected: string | undefined,
): void {
  if (expected === undefined || expected === file.sha256) return;
  const fetchAgain = `priot data fetch ${description.name}`;
  throw new DataError(
    'WRONG_CHECKSUM',
    `${file.path} is not the ${file.name} of ${description.name}: SHA-256 of its decompressed bytes is ${file.sha256}, expected ${expected}`,
    location.origin === 'cache'
      ? `fetch it again: ${fetchAgain}`
      : `replace it, or leave ${location.origin} out and fetch the set: ${fetchAgain}`,
  );
}
