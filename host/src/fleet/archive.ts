/**
 * Files as one piece of bytes for the store: networks and run folders. What is unpacked has names from a list that is known
 * beforehand, so nothing of it can lie elsewhere, and sizes with a bound.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { CapacityError, DataError } from '../errors.js';
import { makeFolder, replaceFile, storageError } from '../files.js';
import { type Check, closedShape, count, listOf, oneOf } from '../json-shape.js';
import { runFiles } from '../runs/run-folder.js';

/** The files of a network's folder. */
export const networkFiles = ['network.json', 'case.json', 'weights.bin', 'bias.bin'] as const;
/** The files of a run folder that travel, in the order in which a folder that is being written to must be read. */
export const travellingRunFiles = [runFiles.checkpoint, runFiles.metrics, runFiles.console, runFiles.manifest] as const;

/** Most bytes of all files together. */
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;
const LENGTH_BYTES = 4;
const MAX_HEADER_BYTES = 4096;

interface PackedFile {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Packs files, compressed; the same files make the same bytes.
 * @throws CapacityError BLOB_TOO_LARGE
 */
export function pack(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const list: PackedFile[] = [...files].map(([name, { length }]) => ({ name, bytes: length }));
  const bytes = list.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > MAX_UNPACKED_BYTES) throw tooLarge(bytes);
  const header = Buffer.from(JSON.stringify(list));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(header.length);
  return gzipSync(Buffer.concat([length, header, ...files.values()]), { level: 6 });
}

/**
 * Unpacks what `pack` made.
 * @param names that may be in it
 * @param mostBytes of all files together
 * @throws DataError ARCHIVE_MALFORMED; CapacityError BLOB_TOO_LARGE
 */
export function unpack(
  packed: Uint8Array,
  names: readonly string[],
  mostBytes = MAX_UNPACKED_BYTES,
): Map<string, Uint8Array> {
  let bytes: Buffer;
  try {
    bytes = gunzipSync(packed, { maxOutputLength: mostBytes + MAX_HEADER_BYTES + LENGTH_BYTES });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(mostBytes + 1);
    throw malformed('is not compressed as it should be', cause);
  }
  const headerBytes = bytes.length < LENGTH_BYTES ? 0 : bytes.readUInt32LE();
  if (headerBytes === 0 || headerBytes > MAX_HEADER_BYTES) throw malformed('has no list of files');
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + headerBytes));
  } catch (cause) {
    throw malformed('has no list of files', cause);
  }
  const check = listOf(closedShape<PackedFile>({ name: oneOf(...names), bytes: count })) as Check<PackedFile[]>;
  const complaints = check(list, 'files:');
  if (complaints.length > 0) throw malformed(`is wrong: ${complaints[0]}`);
  const files = new Map<string, Uint8Array>();
  let at = LENGTH_BYTES + headerBytes;
  for (const file of list as PackedFile[]) {
    if (files.has(file.name) || at + file.bytes > bytes.length) throw malformed('names a file twice, or ends early');
    files.set(file.name, bytes.subarray(at, at + file.bytes));
    at += file.bytes;
  }
  if (at !== bytes.length) throw malformed('has more bytes than its files');
  return files;
}

/** Reads those files of a folder that are there. A file that grows meanwhile is read as long as it was. */
export function readFiles(folder: string, names: readonly string[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const name of names) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const file = openSync(path, 'r');
    try {
      const { size } = statSync(path);
      if (size > MAX_UNPACKED_BYTES) throw tooLarge(size);
      const bytes = Buffer.alloc(size);
      files.set(name, bytes.subarray(0, readSync(file, bytes, 0, size, 0)));
    } catch (error) {
      throw storageError(error, path);
    } finally {
      closeSync(file);
    }
  }
  return files;
}

/** Writes files into a folder, which is made. @throws CapacityError DISK_FULL; DataError */
export function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  makeFolder(folder);
  for (const [name, bytes] of files) replaceFile(join(folder, name), [bytes], 'make room');
}

function tooLarge(bytes: number): CapacityError {
  return new CapacityError('BLOB_TOO_LARGE', `files of ${bytes} bytes are more than travel: ${MAX_UNPACKED_BYTES}`);
}

function malformed(how: string, cause?: unknown): DataError {
  return new DataError('ARCHIVE_MALFORMED', `a packed folder of the store ${how}`, undefined, { cause });
}
