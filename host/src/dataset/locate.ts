/** Where a data set's files are on this machine: in the folder that is named (--data-dir, $PRIOT_DATA), or in the cache. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { allFileNames, type DatasetDescription, idxFileNames } from './description.js';

export type Origin = '--data-dir' | '$PRIOT_DATA' | 'cache' | '--from';

/** A folder that holds a usable copy of a data set. */
export interface DatasetLocation {
  readonly origin: Origin;
  readonly folder: string;
  /** Canonical file name (without .gz) -> path as found. */
  readonly paths: ReadonlyMap<string, string>;
}

export interface SearchOptions {
  readonly dataDir?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Returns $XDG_CACHE_HOME/priot where it is set, else the platform's own place (~/.cache/priot on Linux). */
export function defaultCacheDir(environment: NodeJS.ProcessEnv): string {
  if (environment.XDG_CACHE_HOME) return resolve(environment.XDG_CACHE_HOME, 'priot');
  const home = environment.HOME ?? homedir();
  if (platform() === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'priot', 'Cache');
  if (platform() === 'darwin') return join(home, 'Library', 'Caches', 'priot');
  return join(home, '.cache', 'priot');
}

/** Returns the folder of one data set in the cache. */
export function cacheFolder(description: DatasetDescription, cacheDir: string): string {
  return join(cacheDir, description.folders[0]!);
}

/** Names a file goes by on disk: as published, gzipped, and `train-images.idx3-ubyte` as some unpackers leave it. */
function namesOnDisk(fileName: string): readonly string[] {
  const dotted = fileName.replace('-idx', '.idx');
  return [...new Set([fileName, `${fileName}.gz`, dotted, `${dotted}.gz`])];
}

function filesIn(folder: string, description: DatasetDescription): Map<string, string> {
  const paths = new Map<string, string>();
  let present: Set<string>;
  try {
    present = new Set(readdirSync(folder));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return paths;
    throw new DataError('FILE_UNREADABLE', `cannot read ${folder} (${code})`, 'check its permissions', { cause });
  }
  for (const fileName of allFileNames(description)) {
    const onDisk = namesOnDisk(fileName).find((name) => present.has(name));
    if (onDisk !== undefined) paths.set(fileName, join(folder, onDisk));
  }
  return paths;
}

/** Files without which the set cannot be used; empty when it can. */
function missingFiles(description: DatasetDescription, paths: ReadonlyMap<string, string>): string[] {
  if (description.format === 'idx') return idxFileNames.filter((name) => !paths.has(name));
  const missing = description.test.filter((name) => !paths.has(name));
  if (!description.train.some((name) => paths.has(name))) missing.push(description.train[0]!);
  return missing;
}

/**
 * Finds the set in `base/NAME` or in `base` itself; undefined when there is none of its files.
 *
 * @throws DataError MISSING_FILES when there are some of them only
 */
export function locateIn(
  base: string,
  description: DatasetDescription,
  origin: Exclude<Origin, 'cache'>,
): DatasetLocation | undefined {
  for (const folder of [...description.folders.map((name) => resolve(base, name)), resolve(base)]) {
    const paths = filesIn(folder, description);
    if (paths.size === 0) continue;
    const missing = missingFiles(description, paths);
    if (missing.length > 0) {
      throw new DataError(
        'MISSING_FILES',
        `${folder} (${origin}) has ${[...paths.keys()].join(', ')} of ${description.name}, but not ${missing.join(', ')}`,
        `put the missing files there (plain or .gz), or let priot get the set: priot data fetch ${description.name}`,
      );
    }
    return { origin, folder, paths };
  }
  return undefined;
}

/** Finds the set in the cache; undefined when it is not there or a download of it did not finish. */
export function locateInCache(description: DatasetDescription, cacheDir: string): DatasetLocation | undefined {
  const folder = cacheFolder(description, cacheDir);
  const paths = filesIn(folder, description);
  if (missingFiles(description, paths).length > 0) return undefined;
  return { origin: 'cache', folder, paths };
}

/**
 * Finds the first place that has the set. A folder that the user names must have it: `--data-dir`, or else `$PRIOT_DATA`
 * where it is set. Only when neither is named, the cache is looked at.
 *
 * @returns undefined when no folder is named and the cache has not got the set
 * @throws DataError NO_SUCH_FOLDER, DATASET_NOT_FOUND for a named folder that does not exist or has not got the set;
 * MISSING_FILES for an incomplete copy
 */
export function locateDataset(description: DatasetDescription, options: SearchOptions): DatasetLocation | undefined {
  const environment = options.environment ?? process.env;
  const named = namedFolder(options.dataDir, environment);
  if (named === undefined) return locateInCache(description, options.cacheDir ?? defaultCacheDir(environment));
  requireFolder(named.folder, named.origin);
  const found = locateIn(named.folder, description, named.origin);
  if (found !== undefined) return found;
  throw notFound(description, named.folder, named.origin);
}

/** Returns the folder of data sets that the user names, and by what; undefined when there is none. */
export function namedFolder(
  dataDir: string | undefined,
  environment: NodeJS.ProcessEnv,
): { readonly folder: string; readonly origin: '--data-dir' | '$PRIOT_DATA' } | undefined {
  if (dataDir !== undefined) return { folder: dataDir, origin: '--data-dir' };
  if (environment.PRIOT_DATA) return { folder: environment.PRIOT_DATA, origin: '$PRIOT_DATA' };
  return undefined;
}

function notFound(description: DatasetDescription, folder: string, origin: Origin): DataError {
  const { name, folders, format } = description;
  const places = [...folders.map((subfolder) => join(folder, subfolder)), folder].join(', ');
  const pickled = join(folder, 'cifar-10-batches-py');
  const hint =
    format === 'cifar10' && existsSync(pickled)
      ? `; ${pickled} is the version for Python: priot reads the binary version`
      : '';
  return new DataError(
    'DATASET_NOT_FOUND',
    `${origin} ${folder} has no ${name}: none of ${allFileNames(description).join(', ')} (plain or .gz) is in ${places}${hint}`,
    `name another folder, or let priot put the set there: priot data fetch ${name} --cache ${folder}`,
  );
}

/** Checks that a folder exists. `option` is how the user named it: `--data-dir`. @throws DataError NO_SUCH_FOLDER */
export function requireFolder(path: string, option: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new DataError('NO_SUCH_FOLDER', `${option} ${path}: there is no such folder`, `correct ${option}`);
  }
}
