/** Failures to write a file of the cache, in the user's words. */

import { CapacityError, DataError } from '../errors.js';

/** Codes of the file system, and what files.ts makes of them. */
const NO_ROOM = ['ENOSPC', 'EDQUOT', 'DISK_FULL'];
const NOT_WRITABLE = [
  'EACCES',
  'EPERM',
  'EROFS',
  'EEXIST',
  'ENOTDIR',
  'NO_PERMISSION',
  'NOT_A_FILE',
  'FOLDER_NOT_MADE',
];

/** Returns CapacityError DISK_FULL or DataError CACHE_NOT_WRITABLE where `error` is one of those; else `error`. */
export function asWriteFailure(error: unknown, folder: string): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (NO_ROOM.includes(code)) {
    const remedy = 'free some space, or name another folder: priot data fetch --cache DIR';
    return new CapacityError('DISK_FULL', `${folder}: the disk is full`, remedy, { cause: error });
  }
  if (NOT_WRITABLE.includes(code)) {
    const remedy = 'name another folder: priot data fetch --cache DIR, or set XDG_CACHE_HOME';
    return new DataError('CACHE_NOT_WRITABLE', `cannot write to ${folder} (${code})`, remedy, { cause: error });
  }
  return error;
}
