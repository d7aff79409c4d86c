/** Reads the regular files of a ustar archive: as much of tar as published data sets need. */

import { DataError } from '../errors.js';

const BLOCK_BYTES = 512;

export interface TarFile {
  /** Full name in the archive, folders included. Not safe to use as a path as it is. */
  readonly name: string;
  /** A view into the archive. */
  readonly bytes: Uint8Array;
}

/**
 * Yields the archive's regular files in order. Other entries are passed over.
 * @throws DataError TRUNCATED, CORRUPT_TAR
 */
export function* readTar(archive: Uint8Array, archiveName: string): Generator<TarFile> {
  const text = new TextDecoder('latin1');
  const field = (start: number, length: number) =>
    text.decode(archive.subarray(start, start + length)).replace(/\0.*$/s, '');
  for (let start = 0; start + BLOCK_BYTES <= archive.length; ) {
    const header = archive.subarray(start, start + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) return;
    // The checksum counts its own eight bytes as spaces.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    const size = Number.parseInt(field(start + 124, 12), 8);
    if (Number.parseInt(field(start + 148, 8), 8) !== sum || !(size >= 0)) {
      throw new DataError('CORRUPT_TAR', `${archiveName}: bad tar header at byte ${start}`);
    }
    const data = start + BLOCK_BYTES;
    if (data + size > archive.length) {
      throw new DataError('TRUNCATED', `${archiveName}: ends within ${field(start, 100)}`);
    }
    const type = header[156];
    if (type === 0x30 || type === 0) {
      const prefix = field(start + 257, 5) === 'ustar' ? field(start + 345, 155) : '';
      const name = field(start, 100);
      yield { name: prefix === '' ? name : `${prefix}/${name}`, bytes: archive.subarray(data, data + size) };
    }
    start = data + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  throw new DataError('TRUNCATED', `${archiveName}: ends without a tar end mark`);
}
