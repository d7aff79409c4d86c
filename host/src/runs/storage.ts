/** Files that are whole or absent, and what the disk's refusals mean to a user. */

import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { CapacityError, DataError, PriotError } from '../errors.js';

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

/** To the disk; devices and pipes have nothing to sync. */
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
