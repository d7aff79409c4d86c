/** Data sets by name: found on this machine or fetched, checked, in memory. */

import { UsageError } from '../errors.js';
import { describeDataset } from './description.js';
import type { DownloadProgress } from './download.js';
import type { ImageSet } from './image-set.js';
import { defaultCacheDir, locateDataset, type SearchOptions } from './locate.js';
import { readDataset } from './read-dataset.js';

export const datasetNames = ['mnist', 'cifar10', 'digits'] as const;
export type DatasetName = (typeof datasetNames)[number];

/** Exactly which data this is: what a run records. */
export interface DatasetProvenance {
  /** SHA-256 of each file's decompressed bytes (digits: of pixels, then labels). */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
  /** Where it was found: `--data-dir FOLDER`, `cache FOLDER`, `generated …`. */
  readonly source: string;
}

export interface Dataset {
  readonly name: DatasetName;
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly provenance: DatasetProvenance;
}

export interface LoadOptions extends SearchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called while something is downloaded. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/**
 * Loads a data set: from the folder that is named (--data-dir, $PRIOT_DATA); when none is named, from the cache, and when
 * it is not there, by a download into the cache. Files are checked whenever they are read. `digits` is generated here
 * and needs nothing.
 *
 * @throws UsageError UNKNOWN_DATASET; DataError (see docs/datasets.md); CapacityError DISK_FULL; the signal's reason
 */
export async function loadDataset(name: DatasetName, options: LoadOptions = {}): Promise<Dataset> {
  options.signal?.throwIfAborted();
  if (name === 'digits') {
    const { digitsDataset } = await import('./digits.js');
    return digitsDataset();
  }
  if (!datasetNames.includes(name)) {
    throw new UsageError(
      'UNKNOWN_DATASET',
      `no data set is called ${name}`,
      `choose one of ${datasetNames.join(', ')}`,
    );
  }
  const description = describeDataset(name);
  let location = locateDataset(description, options);
  if (!location) {
    const { fetchDataset } = await import('./fetch-dataset.js');
    const environment = options.environment ?? process.env;
    const cacheDir = options.cacheDir ?? defaultCacheDir(environment);
    location = (await fetchDataset(description, { ...options, environment, cacheDir })).location;
  }
  const { train, test, files } = await readDataset(description, location, options.signal);
  return { name, train, test, provenance: { files, source: `${location.origin} ${location.folder}` } };
}
