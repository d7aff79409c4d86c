/** Reading data files, plain or gzipped, and their checksums. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError } from '../errors.js';

const gunzipAsync = promisify(gunzip);

/** Above every file known here (CIFAR-10's archive holds 184 MB); stops a file that inflates without end. */
const MAXIMUM_INFLATED_BYTES = 512 * 1024 * 1024;

/** SHA-256 in lower-case hexadecimal. */
export function sha256Of(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The bytes themselves, or what they hold when they are gzipped (told by content: no format read here starts like it).
 *
 * @throws DataError TRUNCATED, CORRUPT_GZIP
 */
export async function inflate(bytes: Uint8Array, fileName: string): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  try {
    return await gunzipAsync(bytes, { maxOutputLength: MAXIMUM_INFLATED_BYTES });
  } catch (cause) {
    const remedy = 'get the file again: priot data fetch';
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
 * @throws DataError FILE_UNREADABLE, TRUNCATED, CORRUPT_GZIP
 */
export async function readDataFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
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
  return inflate(bytes, path);
}
