/** Brings a data set into the cache: downloaded, or taken from files at hand. Nothing unchecked gets its final name. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DataError } from '../errors.js';
import { makeFolder, sha256 } from '../files.js';
import { inflate, readDataFile } from './data-file.js';
import {
  allFileNames,
  type Cifar10Description,
  type DatasetDescription,
  type IdxDescription,
  idxFileNames,
} from './description.js';
import { type DownloadRequest, download } from './download.js';
import { cacheFolder, type DatasetLocation, locateIn, locateInCache, requireFolder } from './locate.js';
import { CHECKSUM_FILE, type DatasetContents, readDataset } from './read-dataset.js';
import { readTar } from './tar.js';
import { asWriteFailure } from './write-failure.js';

export interface FetchOptions
  extends Pick<DownloadRequest, 'signal' | 'onProgress' | 'attempts' | 'retryDelayMs' | 'stallMs'> {
  readonly cacheDir: string;
  /** A folder with the files (or CIFAR-10's archive), instead of the network. */
  readonly from?: string | undefined;
  /** $PRIOT_DATA_MIRROR: base addresses that replace the set's own, separated by blanks. */
  readonly environment: NodeJS.ProcessEnv;
}

export interface FetchResult {
  /** Where the set is in the cache. */
  readonly location: DatasetLocation;
  /** False when a sound copy was there already. */
  readonly changed: boolean;
  readonly contents: DatasetContents;
}

/**
 * Leaves a complete, checked copy in `cacheDir` and returns it. A damaged copy there is replaced.
 *
 * @throws DataError (network, checksums, formats; MISSING_FILES when `from` has not got the set); CapacityError DISK_FULL
 */
export async function fetchDataset(description: DatasetDescription, options: FetchOptions): Promise<FetchResult> {
  if (options.from === undefined) {
    const present = await readCache(description, options).catch((error: unknown) => {
      if (error instanceof DataError) return undefined; // damaged: fetched anew below
      throw error;
    });
    // A copy with fewer batches can be used, but is not all there is to fetch.
    if (present?.location.paths.size === allFileNames(description).length) return { ...present, changed: false };
  }
  try {
    if (options.from !== undefined) await fetchFrom(options.from, description, options);
    else if (description.format === 'idx') await downloadIdx(description, options);
    else await downloadCifar10(description, options);
  } catch (error) {
    throw asWriteFailure(error, options.cacheDir);
  }
  const fetched = await readCache(description, options);
  if (!fetched)
    throw new DataError('MISSING_FILES', `${options.cacheDir} changed while ${description.name} was fetched`);
  return { ...fetched, changed: true };
}

async function readCache(description: DatasetDescription, options: FetchOptions) {
  const location = locateInCache(description, options.cacheDir);
  if (!location) return undefined;
  return { location, contents: await readDataset(description, location, options.signal) };
}

function urlsOf(description: DatasetDescription, fileName: string, options: FetchOptions): string[] {
  const replaced = options.environment.PRIOT_DATA_MIRROR?.split(/\s+/).filter((base) => base !== '') ?? [];
  const bases = replaced.length > 0 ? replaced : description.mirrors;
  return bases.map((base) => {
    try {
      return new URL(fileName, base.endsWith('/') ? base : `${base}/`).href;
    } catch (cause) {
      throw new DataError(
        'BAD_MIRROR',
        `$PRIOT_DATA_MIRROR: ${base} is no address`,
        'give it as https://host/folder/',
        {
          cause,
        },
      );
    }
  });
}

function requestFor(
  description: DatasetDescription,
  name: string,
  destination: string,
  verify: DownloadRequest['verify'],
  options: FetchOptions,
): DownloadRequest {
  return {
    ...options,
    name,
    urls: urlsOf(description, name, options),
    destination,
    verify,
    remedy: `with the files at hand: priot data fetch ${description.name} --from DIR; without any: --dataset digits`,
  };
}

function wrongChecksum(path: string, what: string, actual: string, expected: string): DataError {
  return new DataError('WRONG_CHECKSUM', `${path}: ${what} is ${actual}, expected ${expected}`);
}

/** Files that are there and sound stay, the others are downloaded. */
async function downloadIdx(description: IdxDescription, options: FetchOptions): Promise<void> {
  const folder = cacheFolder(description, options.cacheDir);
  for (const fileName of idxFileNames) {
    const expected = description.files[fileName].sha256;
    const verify = async (path: string) => {
      const actual = sha256(await readDataFile(path, options.signal));
      if (actual !== expected) throw wrongChecksum(path, 'SHA-256 (decompressed)', actual, expected);
    };
    const plain = join(folder, fileName);
    if (await isSound(plain, verify)) continue;
    await rm(plain, { force: true }); // a damaged plain copy would hide the gzipped one
    const destination = `${plain}.gz`;
    if (await isSound(destination, verify)) continue;
    await download(requestFor(description, `${fileName}.gz`, destination, verify, options));
  }
}

async function isSound(path: string, verify: DownloadRequest['verify']): Promise<boolean> {
  try {
    await verify(path);
    return true;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

async function downloadCifar10(description: Cifar10Description, options: FetchOptions): Promise<void> {
  const { name, md5 } = description.archive;
  const archivePath = join(options.cacheDir, name);
  const verify = async (path: string) => {
    const actual = await md5OfFile(path, options.signal);
    if (actual !== md5) throw wrongChecksum(path, 'MD5', actual, md5);
  };
  if (!(await isSound(archivePath, verify))) {
    await download(requestFor(description, name, archivePath, verify, options));
  }
  await unpackCifar10(archivePath, description, options);
  await rm(archivePath);
}

async function md5OfFile(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('md5');
  try {
    await pipeline(createReadStream(path), hash, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const code = (cause as NodeJS.ErrnoException).code;
    throw new DataError('FILE_UNREADABLE', `cannot read ${path} (${code})`, undefined, { cause });
  }
  return hash.digest('hex');
}

async function unpackCifar10(
  archivePath: string,
  description: Cifar10Description,
  options: FetchOptions,
): Promise<void> {
  const wanted = new Set([...description.train, ...description.test]);
  const archive = await readDataFile(archivePath, options.signal);
  const files = new Map<string, Uint8Array>();
  for (const file of readTar(archive, archivePath)) {
    const name = basename(file.name);
    if (wanted.has(name)) files.set(name, file.bytes);
  }
  await replaceFolder(description, files, description.archive.name, options);
}

/** Files at hand: checked where they are, then copied as they are. */
async function fetchFrom(from: string, description: DatasetDescription, options: FetchOptions): Promise<void> {
  requireFolder(from, '--from');
  const location = locateIn(from, description, '--from');
  if (location) {
    await readDataset(description, location, options.signal);
    const files = new Map<string, Uint8Array>();
    for (const [name, path] of location.paths) files.set(name, await inflate(await readFile(path), path));
    await replaceFolder(description, files, location.folder, options);
    return;
  }
  if (description.format === 'cifar10') {
    const archivePath = join(from, description.archive.name);
    const actual = await md5OfFile(archivePath, options.signal).catch(() => undefined);
    if (actual === description.archive.md5) return unpackCifar10(archivePath, description, options);
    if (actual !== undefined) throw wrongChecksum(archivePath, 'MD5', actual, description.archive.md5);
  }
  throw new DataError(
    'MISSING_FILES',
    `${from} has no files of ${description.name} (${allFileNames(description).join(', ')}; plain or .gz)`,
    'name the folder that holds them',
  );
}

/** Writes a whole folder aside, then puts it in place of the old one. */
async function replaceFolder(
  description: DatasetDescription,
  files: ReadonlyMap<string, Uint8Array>,
  source: string,
  options: FetchOptions,
): Promise<void> {
  const folder = cacheFolder(description, options.cacheDir);
  const aside = `${folder}.new`;
  await rm(aside, { recursive: true, force: true });
  try {
    makeFolder(aside);
    const sums: Record<string, string> = {};
    for (const [name, bytes] of files) {
      options.signal?.throwIfAborted();
      options.onProgress?.({ name, receivedBytes: 0, totalBytes: bytes.length });
      await writeFile(join(aside, name), bytes);
      options.onProgress?.({ name, receivedBytes: bytes.length, totalBytes: bytes.length });
      sums[name] = sha256(bytes);
    }
    await writeFile(join(aside, CHECKSUM_FILE), `${JSON.stringify({ source, files: sums }, undefined, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}
