/** Failures to write a file, in the user's words. */

import { CapacityError, DataError } from '../errors.js';

/** CapacityError DISK_FULL or DataError CACHE_NOT_WRITABLE where `error` is one of those; else `error` itself. */
export function asWriteFailure(error: unknown, folder: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const remedy = 'free some space, or name another folder: priot data fetch --cache DIR';
    return new CapacityError('DISK_FULL', `${folder}: the disk is full`, remedy, { cause: error });
  }
  if (code !== undefined && ['EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR'].includes(code)) {
    const remedy = 'name another folder: priot data fetch --cache DIR, or set XDG_CACHE_HOME';
    return new DataError('CACHE_NOT_WRITABLE', `cannot write to ${folder} (${code})`, remedy, { cause: error });
  }
  return error;
}
