/** Loads a user's own data set: a folder or a file in one of four layouts (docs/datasets.md, "Your own images"). */

import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { DataError, UsageError } from '../../errors.js';
import { readDataFile } from '../data-file.js';
import { namedFolder, type SearchOptions } from '../locate.js';
import { type Dataset, datasetNames } from '../types.js';
import { type ArrangeOptions, arrange } from './arrange.js';
import { type CifarLabels, findCifarFiles, readCifarSet } from './cifar-files.js';
import { findIdxSets, type IdxPaths, readIdxSet } from './idx-files.js';
import { MAXIMUM_SET_BYTES, type SetFromFiles } from './labelled-images.js';

/** How a user's own set is read. */
export interface OwnDatasetOptions extends ArrangeOptions {
  /** Which of CIFAR-100's two labels; absent: fine. */
  readonly labels?: CifarLabels | undefined;
}

const LAYOUTS =
  "IDX files under MNIST's names, CIFAR's binary layout, a NumPy archive (.npz), or a folder of PNG or JPEG images per class";
/**
 * The file of class names in a folder of IDX files or beside a NumPy archive: one per line, in the order of the labels.
 */
const CLASS_FILE = 'classes.txt';

/**
 * Loads the data set in a folder or file. A relative path is looked for in the working directory, then below
 * --data-dir or $PRIOT_DATA. `DIR/emnist-letters` names the set in DIR whose files begin with `emnist-letters-`.
 *
 * @throws UsageError UNKNOWN_DATASET, LABELS_WITHOUT_CHOICE, and those of `arrange`; DataError NO_SUCH_FOLDER,
 * UNKNOWN_LAYOUT, SEVERAL_SETS, and what the readers throw; the signal's reason
 */
export async function loadOwnDataset(
  path: string,
  options: OwnDatasetOptions & SearchOptions,
  signal?: AbortSignal,
): Promise<Dataset> {
  const place = find(path, options);
  const set = await read(place, options.labels, signal);
  const name = basename(resolve(place.path)).replace(/\.npz$/i, '');
  const arranged = arrange(name, set, options);
  return { ...arranged, name, provenance: { files: set.files, source: `${set.format} in ${place.path}` } };
}

/** A file; a folder; or the files of a folder that begin alike. */
interface OwnPlace {
  readonly kind: 'file' | 'folder' | 'prefix';
  /** The path as it was found. */
  readonly path: string;
}

function find(path: string, { dataDir, environment = process.env }: SearchOptions): OwnPlace {
  const named = namedFolder(dataDir, environment);
  const places = [path, ...(named === undefined || isAbsolute(path) ? [] : [join(named.folder, path)])];
  for (const place of places) {
    const found = statSync(place, { throwIfNoEntry: false });
    if (found?.isDirectory()) return { kind: 'folder', path: place };
    if (found?.isFile()) return { kind: 'file', path: place };
    if (found !== undefined) {
      throw new DataError('NO_SUCH_FOLDER', `--dataset ${place}: neither a folder nor a file`, 'correct --dataset');
    }
    if (findIdxSets(dirname(place), namesIn(dirname(place))).has(`${basename(place)}-`)) {
      return { kind: 'prefix', path: place };
    }
  }
  const looked = places.length > 1 ? ` (nor ${places[1]})` : '';
  if (/[\\/.]/.test(path)) {
    throw new DataError(
      'NO_SUCH_FOLDER',
      `--dataset ${path}: there is no such folder or file${looked}`,
      'correct --dataset',
    );
  }
  throw new UsageError(
    'UNKNOWN_DATASET',
    `no data set is called ${path}, and there is no such folder or file${looked}`,
    `choose one of ${datasetNames.join(', ')}, or a folder or file of your own: ${LAYOUTS}`,
  );
}

async function read(place: OwnPlace, labels: CifarLabels | undefined, signal?: AbortSignal): Promise<SetFromFiles> {
  const refuseLabels = () => {
    if (labels === undefined) return;
    throw new UsageError(
      'LABELS_WITHOUT_CHOICE',
      `--labels ${labels}: ${place.path} has one label per image`,
      'leave --labels out',
    );
  };
  if (place.kind === 'file') {
    refuseLabels();
    return readArchive(place.path, signal);
  }
  if (place.kind === 'prefix') {
    refuseLabels();
    const folder = dirname(place.path);
    return readIdx(folder, namesIn(folder), `${basename(place.path)}-`, signal);
  }
  for (const folder of [place.path, join(place.path, 'raw')]) {
    const names = namesIn(folder);
    const sets = findIdxSets(folder, names);
    if (sets.size > 0) {
      refuseLabels();
      return readIdx(folder, names, onlyPrefix(folder, sets), signal);
    }
    const cifar = findCifarFiles(folder, names);
    if (cifar !== undefined) {
      if (cifar.labelBytes === 1) refuseLabels();
      return readCifarSet(folder, names, cifar, labels, signal);
    }
  }
  refuseLabels();
  const names = namesIn(place.path);
  const archives = names.filter((name) => /\.npz$/i.test(name));
  if (archives.length === 1) return readArchive(join(place.path, archives[0]!), signal);
  const { isImageFolder, readImageFolders } = await import('./image-folders.js');
  if (isImageFolder(place.path, names)) return readImageFolders(place.path, names, signal);
  throw new DataError(
    archives.length > 1 ? 'SEVERAL_SETS' : 'UNKNOWN_LAYOUT',
    archives.length > 1
      ? `${place.path} has several archives: ${archives.slice(0, 5).join(', ')}`
      : `${place.path} is in no layout that is read here: ${LAYOUTS}`,
    archives.length > 1
      ? `name one: --dataset ${join(place.path, archives[0]!)}`
      : 'see docs/datasets.md, "Your own images"',
  );
}

function onlyPrefix(folder: string, sets: ReadonlyMap<string, IdxPaths>): string {
  if (sets.has('')) return '';
  const prefixes = [...sets.keys()];
  if (prefixes.length === 1) return prefixes[0]!;
  const names = prefixes.map((prefix) => prefix.slice(0, -1));
  throw new DataError(
    'SEVERAL_SETS',
    `${folder} has several sets: ${names.join(', ')}`,
    `name one: --dataset ${join(folder, names[0]!)}`,
  );
}

async function readIdx(folder: string, names: readonly string[], prefix: string, signal?: AbortSignal) {
  const mapping = names.includes(`${prefix}mapping.txt`) ? join(folder, `${prefix}mapping.txt`) : undefined;
  const set = await readIdxSet(folder, findIdxSets(folder, names).get(prefix)!, mapping, signal);
  return mapping === undefined ? withClassFile(folder, set, signal) : set;
}

async function readArchive(path: string, signal?: AbortSignal): Promise<SetFromFiles> {
  if (!/\.npz$/i.test(path)) {
    throw new DataError(
      'UNKNOWN_LAYOUT',
      `${path}: a file that is no NumPy archive (.npz)`,
      `give a folder: ${LAYOUTS}`,
    );
  }
  if (statSync(path).size > MAXIMUM_SET_BYTES) {
    throw new DataError(
      'SET_TOO_LARGE',
      `${path} has more than ${MAXIMUM_SET_BYTES / 2 ** 20} MiB`,
      'take fewer images',
    );
  }
  const { parseNumpyArchive } = await import('./numpy-archive.js');
  const set = parseNumpyArchive(await readDataFile(path, signal), path);
  return set.classNames === undefined ? withClassFile(dirname(path), set, signal) : set;
}

async function withClassFile(folder: string, set: SetFromFiles, signal?: AbortSignal): Promise<SetFromFiles> {
  if (!namesIn(folder).includes(CLASS_FILE)) return set;
  const text = Buffer.from(await readDataFile(join(folder, CLASS_FILE), signal)).toString('utf8');
  return { ...set, classNames: text.trim().split(/\s*\n\s*/) };
}

/** Empty where there is no such folder. @throws DataError FILE_UNREADABLE */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new DataError('FILE_UNREADABLE', `cannot read ${folder} (${code})`, 'check its permissions', { cause });
  }
}
