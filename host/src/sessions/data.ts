/** Brings data sets into the cache, and says which are where. */
import { type DatasetName, datasetNames } from '../dataset/dataset.js';
import { describeDataset } from '../dataset/description.js';
import { fetchDataset } from '../dataset/fetch-dataset.js';
import { defaultCacheDir, locateDataset } from '../dataset/locate.js';
import { PriotError, UsageError } from '../errors.js';
import { complete } from '../options/option.js';
import { type FetchOptions, fetchOptions, type ListOptions, listOptions } from '../options/other.js';
import type { Context, DownloadEvent } from './events.js';
import { downloadEvent } from './load-dataset.js';

/** What `priot data fetch --json` prints. */
export interface FetchDocument {
  readonly dataset: string;
  readonly folder: string;
  /** false: it was there already. */
  readonly changed: boolean;
  /** Images. */
  readonly train: number;
  readonly test: number;
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

/**
 * Brings a data set into the cache, checksums verified; a download that was cut is continued.
 * @throws UsageError of the options, NOTHING_TO_FETCH, UNKNOWN_DATASET; DataError (docs/datasets.md); CapacityError
 *   DISK_FULL; the signal's reason
 */
export async function fetchData(
  options: FetchOptions,
  { signal, onEvent }: Context<DownloadEvent> = {},
): Promise<FetchDocument> {
  const { name, from, cache = defaultCacheDir(process.env) } = complete('data fetch', fetchOptions, options);
  if (name === 'digits') {
    throw new UsageError('NOTHING_TO_FETCH', 'digits is built in: there is nothing to fetch', 'use --dataset digits');
  }
  if (name !== 'mnist' && name !== 'cifar10') {
    throw new UsageError('UNKNOWN_DATASET', `no data set is called ${name}`, 'choose mnist or cifar10');
  }
  const { location, changed, contents } = await fetchDataset(describeDataset(name), {
    cacheDir: cache,
    from,
    environment: process.env,
    signal,
    onProgress: (progress) => onEvent?.(downloadEvent(progress)),
  });
  const { train, test, files } = contents;
  return { dataset: name, folder: location.folder, changed, train: train.count, test: test.count, files };
}

/** A data set, and where it would be read from. */
export interface ListedDataset {
  readonly name: DatasetName;
  readonly title: string;
  readonly licence: string;
  readonly homepage: string;
  /** How it was found, such as `--data-dir`; null: it is not here. */
  readonly origin: string | null;
  readonly folder: string | null;
  readonly files: readonly string[];
  /** What is wrong with the copy that was found. */
  readonly problem: string | null;
}

/** What `priot data list --json` prints. */
export interface DatasetsDocument {
  readonly cache: string;
  readonly datasets: readonly ListedDataset[];
}

/** Lists the data sets. @throws UsageError of the options; DataError NO_SUCH_FOLDER */
export function listData(options: ListOptions = {}): DatasetsDocument {
  const { dataDir, cache = defaultCacheDir(process.env) } = complete('data list', listOptions, options);
  return { cache, datasets: datasetNames.map((name) => listed(name, dataDir, cache)) };
}

function listed(name: DatasetName, dataDir: string | undefined, cacheDir: string): ListedDataset {
  const { title, licence, homepage } = describeDataset(name);
  const known = { name, title, licence, homepage, origin: null, folder: null, files: [], problem: null };
  if (name === 'digits') return { ...known, origin: 'generated' };
  try {
    const location = locateDataset(describeDataset(name), { dataDir, cacheDir });
    if (location === undefined) return known;
    return { ...known, origin: location.origin, folder: location.folder, files: [...location.paths.values()] };
  } catch (error) {
    // One damaged copy does not hide the others; a wrong --data-dir concerns them all.
    if (!(error instanceof PriotError) || error.code === 'NO_SUCH_FOLDER') throw error;
    return { ...known, problem: error.message };
  }
}
