/** Reads the members of a zip archive that is in memory: as much of zip as NumPy's archives need, by node:zlib. */

import { crc32, inflateRawSync } from 'node:zlib';
import { DataError } from '../../errors.js';

const REMEDY = 'write the archive again';
const END_SIGNATURE = 0x06054b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

/** A file in an archive. */
export interface ZipMember {
  readonly name: string;
  /** Decompressed. */
  readonly bytes: number;
  /** Decompresses the member and checks its CRC. @throws DataError CORRUPT_ZIP */
  read(): Uint8Array;
}

/**
 * Lists an archive's members. Nothing is decompressed before it is read.
 *
 * @param maximumBytes of one member, decompressed: a larger one is refused
 * @throws DataError CORRUPT_ZIP, TRUNCATED, SET_TOO_LARGE
 */
export function readZip(archive: Uint8Array, archiveName: string, maximumBytes: number): ZipMember[] {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const corrupt = (what: string) => new DataError('CORRUPT_ZIP', `${archiveName}: ${what}`, REMEDY);
  const end = findEnd(view);
  if (end === undefined) throw new DataError('TRUNCATED', `${archiveName}: no end of a zip archive`, REMEDY);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const members: ZipMember[] = [];
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL_SIGNATURE) {
      throw corrupt(`its directory is damaged at entry ${index}`);
    }
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [crc, compressed, size] = [16, 20, 24].map((offset) => view.getUint32(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const [nameBytes, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const local = view.getUint32(at + 42, true);
    const name = Buffer.from(archive.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes)).toString('utf8');
    at += CENTRAL_BYTES + nameBytes + extra + comment;
    if (flags & 1) throw corrupt(`${name} is encrypted`);
    if (method !== STORED && method !== DEFLATED) throw corrupt(`${name} has compression method ${method}`);
    if (size > maximumBytes) {
      throw new DataError(
        'SET_TOO_LARGE',
        `${archiveName}: ${name} has ${size} bytes, more than ${maximumBytes}`,
        'take fewer images',
      );
    }
    const data = () => {
      if (local + LOCAL_BYTES > archive.length || view.getUint32(local, true) !== LOCAL_SIGNATURE) {
        throw corrupt(`${name} is not where its directory says`);
      }
      const start = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (start + compressed > archive.length) throw corrupt(`${name} reaches beyond the file`);
      return archive.subarray(start, start + compressed);
    };
    members.push({
      name,
      bytes: size,
      read() {
        const bytes =
          method === STORED ? data() : inflated(data(), size, () => corrupt(`${name} cannot be decompressed`));
        if (bytes.length !== size || crc32(bytes) !== crc) throw corrupt(`${name} is damaged`);
        return bytes;
      },
    });
  }
  return members;
}

/** The end record stands last, but for a comment of up to 65,535 bytes. */
function findEnd(view: DataView): number | undefined {
  const lowest = Math.max(0, view.byteLength - END_BYTES - 0xffff);
  for (let at = view.byteLength - END_BYTES; at >= lowest; at--) {
    if (view.getUint32(at, true) === END_SIGNATURE) return at;
  }
  return undefined;
}

function inflated(bytes: Uint8Array, size: number, damaged: () => DataError): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, size) });
  } catch (cause) {
    throw Object.assign(damaged(), { cause });
  }
}
