/** Reading data files, plain or gzipped. */

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError } from '../errors.js';

const gunzipAsync = promisify(gunzip);

/** Above every file known here (EMNIST ByClass has 547 MB); stops a file that inflates without end. */
const MAXIMUM_INFLATED_BYTES = 1024 * 1024 * 1024;
const FETCH_AGAIN = 'get the file again: priot data fetch';

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Gives the bytes themselves, or what they hold when they are gzipped (told by content: no format read here starts like it).
 *
 * @throws DataError TRUNCATED, CORRUPT_GZIP
 */
export async function inflate(bytes: Uint8Array, fileName: string, remedy = FETCH_AGAIN): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  try {
    return await gunzipAsync(bytes, { maxOutputLength: MAXIMUM_INFLATED_BYTES });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'Z_BUF_ERROR') {
      throw new DataError('TRUNCATED', `${fileName}: the gzip stream ends early`, remedy, { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError('CORRUPT_GZIP', `${fileName}: not a sound gzip stream (${reason})`, remedy, { cause });
  }
}

/**
 * Reads a data file; what comes back is decompressed.
 *
 * @param remedy what to do about a damaged file
 *
 * @throws DataError FILE_UNREADABLE, TRUNCATED, CORRUPT_GZIP
 */
export async function readDataFile(path: string, signal?: AbortSignal, remedy?: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const code = (cause as NodeJS.ErrnoException).code;
    throw new DataError('FILE_UNREADABLE', `cannot read ${path} (${code})`, 'check that it exists and may be read', {
      cause,
    });
  }
  return inflate(bytes, path, remedy);
}
