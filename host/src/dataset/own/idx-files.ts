/** Data sets in IDX files under MNIST's names: MNIST's own, Fashion-MNIST's, KMNIST's, EMNIST's, QMNIST's. */

import { basename, join } from 'node:path';
import { DataError } from '../../errors.js';
import { sha256 } from '../../files.js';
import { readDataFile } from '../data-file.js';
import { checkLabelCount, type IdxFile, parseIdxImages, parseIdxLabels } from '../idx.js';
import { checkSize, type LabelledImages, type SetFromFiles } from './labelled-images.js';

const REMEDY = 'get or write the file again';

/** `emnist-letters-`, train or test, images or labels. */
const FILE_NAME = /^(|.*-)(train|t10k|test)-(images|labels)[-.](idx3-ubyte|idx1-ubyte|idx2-int)(\.gz)?$/;

type Half = 'train' | 'test';
type Part = 'images' | 'labels';

/** The files of one set: `train images`, … -> path. */
export type IdxPaths = ReadonlyMap<`${Half} ${Part}`, string>;

/** Finds the sets in a folder by what their files' names begin with: `` for MNIST, `emnist-letters-`. */
export function findIdxSets(folder: string, names: readonly string[]): ReadonlyMap<string, IdxPaths> {
  const sets = new Map<string, Map<`${Half} ${Part}`, string>>();
  // In order, so that a plain file is taken before its gzipped copy, and labels alone before QMNIST's rows.
  for (const name of [...names].sort()) {
    const match = FILE_NAME.exec(name);
    if (match === null) continue;
    const [, prefix = '', half, part] = match;
    const paths = sets.get(prefix) ?? new Map<`${Half} ${Part}`, string>();
    sets.set(prefix, paths);
    const key = `${half === 'train' ? 'train' : 'test'} ${part as Part}` as const;
    if (!paths.has(key)) paths.set(key, join(folder, name));
  }
  return sets;
}

/**
 * Reads a set of IDX files. Class names come from `…mapping.txt` (EMNIST: label, then code points).
 *
 * @param mapping path of that file; undefined: there is none
 * @throws DataError MISSING_FILES, and what the readers of files and of the format throw
 */
export async function readIdxSet(
  folder: string,
  paths: IdxPaths,
  mapping: string | undefined,
  signal?: AbortSignal,
): Promise<SetFromFiles> {
  const files: { name: string; sha256: string }[] = [];
  const read = async (path: string): Promise<IdxFile> => {
    const bytes = await readDataFile(path, signal, REMEDY);
    files.push({ name: basename(path).replace(/\.gz$/, ''), sha256: sha256(bytes) });
    return { fileName: path, bytes };
  };
  const half = async (name: Half): Promise<LabelledImages> => {
    const [imagePath, labelPath] = [paths.get(`${name} images`), paths.get(`${name} labels`)];
    if (imagePath === undefined || labelPath === undefined) {
      const [present = '', missing] = imagePath === undefined ? [labelPath, 'images'] : [imagePath, 'labels'];
      throw new DataError(
        'MISSING_FILES',
        `${folder} has ${basename(present)}, but not the ${missing} that belong to it`,
        `put the ${missing} beside it`,
      );
    }
    const [imageFile, labelFile] = [await read(imagePath), await read(labelPath)];
    const images = parseIdxImages(imageFile, REMEDY);
    const labels = parseIdxLabels(labelFile, REMEDY);
    checkSize(imagePath, images.count, images.height, images.width, 1);
    checkLabelCount(imageFile, images.count, labelFile, labels.length, REMEDY);
    return { ...images, channels: 1, labels };
  };
  if (!paths.has('train images') && !paths.has('train labels')) {
    throw new DataError('MISSING_FILES', `${folder} has test images, but no training images`, 'put both there');
  }
  const train = await half('train');
  const test = paths.has('test images') || paths.has('test labels') ? await half('test') : undefined;
  return {
    format: 'IDX files',
    train,
    ...(test && { test }),
    ...(mapping !== undefined && { classNames: parseMapping(await readDataFile(mapping, signal), mapping) }),
    files,
  };
}

/** EMNIST's mapping: a line a label, with the code points of what it stands for. In the order of the labels. */
function parseMapping(bytes: Uint8Array, path: string): string[] {
  const lines = Buffer.from(bytes)
    .toString('latin1')
    .split('\n')
    .map((line) => line.trim());
  const rows = lines.filter((line) => line !== '').map((line) => line.split(/\s+/).map(Number));
  for (const row of rows) {
    if (row.length < 2 || row.some((value) => !Number.isInteger(value) || value < 0 || value > 0x10ffff)) {
      throw new DataError('BAD_CLASS_NAMES', `${path}: a line is not a label and code points`, REMEDY);
    }
  }
  return rows.sort(([a = 0], [b = 0]) => a - b).map(([, ...points]) => String.fromCodePoint(...points));
}
