/** What a data set is, as datasets/NAME.json says: addresses, files, checksums, licence. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DataError } from '../errors.js';

interface DescriptionBase {
  readonly title: string;
  readonly homepage: string;
  readonly licence: string;
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
}

interface FetchedDescription extends DescriptionBase {
  /** Folders that have this set, below a folder of data sets; the first is its folder in the cache. */
  readonly folders: readonly string[];
  /** Base addresses, ending in a slash, tried in order. */
  readonly mirrors: readonly string[];
}

/** MNIST: four IDX files, each fetched as NAME.gz and, known by the SHA-256 of its decompressed bytes. */
export interface IdxDescription extends FetchedDescription {
  readonly name: 'mnist';
  readonly format: 'idx';
  readonly files: Readonly<Record<IdxFileName, { readonly sha256: string }>>;
}

export const idxFileNames = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;
export type IdxFileName = (typeof idxFileNames)[number];

/** CIFAR-10: batches in one archive, which is known by its published MD5. */
export interface Cifar10Description extends FetchedDescription {
  readonly name: 'cifar10';
  readonly format: 'cifar10';
  readonly archive: { readonly name: string; readonly md5: string };
  readonly imagesPerBatch: number;
  /** Batches in order; a folder may hold fewer of these, but at least one. */
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/** Sets that exist as files. */
export type DatasetDescription = IdxDescription | Cifar10Description;

/** The built-in digits: images `firstId`.. `firstId + images - 1` of the generator; SHA-256 over pixels, then labels. */
export interface GeneratedDescription extends DescriptionBase {
  readonly name: 'digits';
  readonly format: 'generated';
  readonly train: GeneratedPart;
  readonly test: GeneratedPart;
}

export interface GeneratedPart {
  readonly firstId: number;
  readonly images: number;
  readonly sha256: string;
}

type AnyDescription = DatasetDescription | GeneratedDescription;

/** Returns the canonical file names of a set, in the order in which they are read and listed. */
export function allFileNames(description: DatasetDescription): readonly string[] {
  return description.format === 'idx' ? idxFileNames : [...description.train, ...description.test];
}

const folder = new URL('../../../datasets/', import.meta.url);

/** Reads datasets/NAME.json. These files ship with the program; only a damaged installation fails here. */
export function describeDataset<Name extends AnyDescription['name']>(
  name: Name,
): Extract<AnyDescription, { name: Name }> {
  const path = fileURLToPath(new URL(`${name}.json`, folder));
  try {
    const description = JSON.parse(readFileSync(path, 'utf8')) as Extract<AnyDescription, { name: Name }>;
    if (description.name !== name) throw new Error(`its name is ${description.name}`);
    return description;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError('BAD_DATASET_DESCRIPTION', `${path}: ${reason}`, 'install priot again', { cause });
  }
}
