/** Files that are whole or absent, what the disk's refusals mean to a user, and the checksums that name contents. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { CapacityError, DataError, PriotError } from './errors.js';

/** Returns the SHA-256 of all parts, one after another: 32 bytes. */
export function digest(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Returns the same in lower-case hexadecimal. */
export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  return hexadecimal(digest(...parts));
}

/** Writes bytes as lower-case hexadecimal digits. */
export function hexadecimal(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Reads all bytes of a file. @throws DataError FILE_MISSING (with `remedy`), FILE_UNREADABLE */
export function readWhole(path: string, remedy = 'check the path'): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new DataError('FILE_MISSING', `no such file: ${path}`, remedy, { cause });
    }
    throw new DataError('FILE_UNREADABLE', `cannot read ${path} (${code})`, 'check that it may be read', { cause });
  }
}

/**
 * Makes a folder and those above it, and says whether it was made; false: there was one already.
 *
 * It goes one folder at a time. Node 20's own recursive mkdir never returns where the folder above is there and yet takes
 * none: in a working folder that was deleted, and below /proc.
 *
 * @param remedy what to do once there is room, for CapacityError DISK_FULL
 * @throws DataError NO_WORKING_FOLDER, FOLDER_NOT_MADE, NO_PERMISSION, NOT_A_FILE; CapacityError DISK_FULL
 */
export function makeFolder(path: string, remedy?: string): boolean {
  try {
    return makeFolders(path);
  } catch (error) {
    throw storageError(error, path, remedy);
  }
}

function makeFolders(path: string): boolean {
  const first = makeOne(path);
  if (first !== 'not there') return first;
  const above = dirname(path);
  if (above === path) throw takesNone(above);
  if (statSync(above, { throwIfNoEntry: false })?.isDirectory() !== true) makeFolders(above);
  // Another process may have made the one above in the meantime, so the second refusal is the one that counts.
  const second = makeOne(path);
  if (second === 'not there') throw takesNone(above);
  return second;
}

/** Whether the folder was made, or that the one above is missing or takes none. */
function makeOne(path: string): boolean | 'not there' {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'not there';
    if (codeOf(error) !== 'EEXIST') throw error;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
    throw new DataError('NOT_A_FILE', `${path} is there and is no folder`, 'name another folder', { cause: error });
  }
}

function takesNone(folder: string): DataError {
  if (!isAbsolute(folder)) {
    try {
      realpathSync.native('.');
    } catch {
      return new DataError(
        'NO_WORKING_FOLDER',
        'the working directory is gone',
        'change to a folder that exists, or give paths that begin with /',
      );
    }
  }
  return new DataError('FOLDER_NOT_MADE', `${folder} takes no folders`, 'name another folder');
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Errors of the file system as users meet them; `remedy` is what to do when there is no room. */
export function storageError(cause: unknown, path: string, remedy?: string): PriotError {
  if (cause instanceof PriotError) return cause;
  switch (codeOf(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new CapacityError('DISK_FULL', `no room left on the disk for ${path}`, remedy, { cause });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new DataError('NO_PERMISSION', `no permission for ${path}`, 'check its owner and mode', { cause });
    case 'ENOENT':
      return new DataError('FILE_MISSING', `${path} does not exist`, undefined, { cause });
    case 'EISDIR':
    case 'ENOTDIR':
      return new DataError('NOT_A_FILE', `${path} is a folder, or a file stands where a folder should`, undefined, {
        cause,
      });
    default:
      return new DataError(
        'FILE_FAILED',
        `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
        undefined,
        {
          cause,
        },
      );
  }
}

/** Writes all bytes at the file's position. */
export function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** Syncs a file to the disk; devices and pipes have nothing to sync. */
export function syncFile(file: number): void {
  try {
    fsyncSync(file);
  } catch (error) {
    if (codeOf(error) !== 'EINVAL') throw error;
  }
}

function syncFolder(path: string): void {
  // Windows opens no folders; there the rename alone has to do.
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    syncFile(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Replaces a file so that a cut at any moment leaves the old or the new one, whole: written aside as `PATH.partial`,
 * synced, renamed, the folder synced.
 * @param remedy what to do once there is room, for CapacityError DISK_FULL
 */
export function replaceFile(path: string, content: Iterable<Uint8Array>, remedy: string): void {
  const aside = `${path}.partial`;
  // A rename would put a file in the place of /dev/null.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    throw new DataError('NOT_A_FILE', `${path} is there and is not an ordinary file`, 'name another file');
  }
  try {
    const file = openSync(aside, 'w');
    try {
      for (const bytes of content) writeFully(file, bytes);
      syncFile(file);
    } finally {
      closeSync(file);
    }
    renameSync(aside, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(aside, { force: true });
    throw storageError(error, path, remedy);
  }
}
