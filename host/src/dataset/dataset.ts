/** Data sets by name or by path: found on this machine or fetched, checked, in memory. */

import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { describeDataset } from './description.js';
import type { DownloadProgress } from './download.js';
import { defaultCacheDir, locateDataset, type SearchOptions } from './locate.js';
import type { OwnDatasetOptions } from './own/load.js';
import { readDataset } from './read-dataset.js';
import { type Dataset, type DatasetName, datasetNames } from './types.js';

export { type Dataset, type DatasetName, type DatasetProvenance, datasetNames } from './types.js';

export interface LoadOptions extends SearchOptions, OwnDatasetOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called while something is downloaded. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/**
 * Loads a data set.
 *
 * One with a name comes from the folder that is named (--data-dir, $PRIOT_DATA); when none is named, from the cache, and
 * when it is not there, by a download into the cache. Its files are checked whenever they are read. `digits` is generated
 * here, needs nothing, and is kept in the cache where that takes files. Anything else is the path of a set of the user's.
 *
 * @throws UsageError UNKNOWN_DATASET, OPTION_OF_OWN_SET; DataError (see docs/datasets.md); CapacityError DISK_FULL; the
 * signal's reason
 */
export async function loadDataset(nameOrPath: string, options: LoadOptions = {}): Promise<Dataset> {
  options.signal?.throwIfAborted();
  const name = datasetNames.find((candidate) => candidate === nameOrPath);
  if (name === undefined) {
    const { loadOwnDataset } = await import('./own/load.js');
    return loadOwnDataset(nameOrPath, options, options.signal);
  }
  refuseOwnOptions(name, options);
  if (name === 'digits') {
    const { digitsDataset } = await import('./digits.js');
    const { DrawnImages } = await import('./drawn-images.js');
    return digitsDataset(new DrawnImages(join(cacheDirOf(options), 'digits')));
  }
  const description = describeDataset(name);
  let location = locateDataset(description, options);
  if (!location) {
    const { fetchDataset } = await import('./fetch-dataset.js');
    const environment = options.environment ?? process.env;
    location = (await fetchDataset(description, { ...options, environment, cacheDir: cacheDirOf(options) })).location;
  }
  const { train, test, files } = await readDataset(description, location, options.signal);
  const provenance = { files, source: `${location.origin} ${location.folder}` };
  return { name, classNames: description.classes, train, test, provenance };
}

function cacheDirOf({ cacheDir, environment = process.env }: SearchOptions): string {
  return cacheDir ?? defaultCacheDir(environment);
}

function refuseOwnOptions(name: DatasetName, { transpose, split, channels, labels }: LoadOptions): void {
  const given = { '--transpose': transpose || undefined, '--split': split, '--channels': channels, '--labels': labels };
  const option = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (option === undefined) return;
  throw new UsageError(
    'OPTION_OF_OWN_SET',
    `${option} is for data sets of your own; ${name} is always read as it was published`,
    `leave ${option} out, or give a folder: --dataset DIR`,
  );
}
