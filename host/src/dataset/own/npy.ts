/** Arrays in NumPy's .npy format (versions 1 to 3): a magic, a Python dictionary as text, then the values. */

import { DataError } from '../../errors.js';

/** An array as it stands in the file. */
export interface NpyArray {
  /** The type as NumPy writes it: `|u1`, `<i8`, `<U5`. */
  readonly type: string;
  /** Bytes of one value. */
  readonly itemBytes: number;
  readonly shape: readonly number[];
  /** The values, the last dimension together. A view into the file. */
  readonly values: Uint8Array;
}

const MAGIC = '\x93NUMPY';
const MAXIMUM_HEADER_BYTES = 65_536;

/**
 * Reads an array's header and finds its values. Pickled Python objects are refused.
 *
 * @param where names the array in messages: `set.npz: x_train`
 * @throws DataError BAD_NPY, TRUNCATED, TRAILING_BYTES
 */
export function parseNpy(bytes: Uint8Array, where: string): NpyArray {
  const bad = (what: string, remedy: string) => new DataError('BAD_NPY', `${where}: ${what}`, remedy);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 10 || buffer.toString('latin1', 0, 6) !== MAGIC) {
    throw bad('not an array of NumPy', 'write it with numpy.savez');
  }
  const version = buffer[6]!;
  const headerStart = version === 1 ? 10 : 12;
  if (version < 1 || version > 3 || buffer.length < headerStart)
    throw bad(`version ${version}`, 'write it with numpy.savez');
  const headerBytes = version === 1 ? buffer.readUInt16LE(8) : buffer.readUInt32LE(8);
  if (headerBytes > MAXIMUM_HEADER_BYTES) throw bad(`a header of ${headerBytes} bytes`, 'write it with numpy.savez');
  const start = headerStart + headerBytes;
  if (start > buffer.length) throw new DataError('TRUNCATED', `${where}: ends within its header`, 'write it again');
  const header = buffer.toString('utf8', headerStart, start);
  const descriptor = /'descr': *'([^']{1,16})'/.exec(header)?.[1];
  const order = /'fortran_order': *(True|False)/.exec(header)?.[1];
  const dimensions = /'shape': *\(([0-9, L]*)\)/.exec(header)?.[1];
  if (descriptor === undefined || order === undefined || dimensions === undefined) {
    throw bad('not an array of plain values', 'save arrays of numbers');
  }
  if (order === 'True') throw bad('stored column by column', 'save numpy.ascontiguousarray of it');
  const match = /^[<>|=]?([a-zA-Z])(\d{0,6})$/.exec(descriptor);
  const [, kind = '', size = ''] = match ?? [];
  if (match === null || kind === 'O' || kind === 'V')
    throw bad(`values of type ${descriptor}`, 'save arrays of numbers');
  const shape = dimensions
    .split(',')
    .map((text) => text.trim().replace(/L$/, ''))
    .filter((text) => text !== '')
    .map(Number);
  const itemBytes = Number(size === '' ? 1 : size) * (kind === 'U' ? 4 : 1);
  const expected = shape.reduce((product, length) => product * length, itemBytes);
  const values = bytes.subarray(start);
  if (values.length !== expected) {
    const code = values.length < expected ? 'TRUNCATED' : 'TRAILING_BYTES';
    throw new DataError(
      code,
      `${where}: ${values.length} bytes of values, its header announces ${expected}`,
      'write it again',
    );
  }
  return { type: descriptor, itemBytes, shape, values };
}

/** Reads integers. @returns undefined where the values are none, or do not fit 32 bits */
export function integersOf({ type, itemBytes, values }: NpyArray): Int32Array | undefined {
  const match = /^([<>|=]?)([iu])[1248]$/.exec(type);
  if (match === null) return undefined;
  const bigEndian = match[1] === '>';
  const signed = match[2] === 'i';
  const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const read = (offset: number): number => {
    if (itemBytes === 8) {
      const value = bigEndian ? buffer.readBigInt64BE(offset) : buffer.readBigInt64LE(offset);
      return value === BigInt.asIntN(32, value) ? Number(value) : Number.NaN;
    }
    const value = bigEndian ? buffer.readUIntBE(offset, itemBytes) : buffer.readUIntLE(offset, itemBytes);
    return signed && value >= 2 ** (8 * itemBytes - 1) ? value - 2 ** (8 * itemBytes) : value;
  };
  const integers = new Int32Array(values.length / itemBytes);
  for (let i = 0; i < integers.length; i++) {
    const value = read(i * itemBytes);
    if (value !== (value | 0)) return undefined;
    integers[i] = value;
  }
  return integers;
}

/** Reads texts (`<U5`, `|S5`). @returns undefined where the values are none */
export function textsOf({ type, itemBytes, values }: NpyArray): string[] | undefined {
  const kind = /^[<|=]?([US])\d+$/.exec(type)?.[1];
  if (kind === undefined || itemBytes === 0) return undefined;
  const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const text = (start: number): string => {
    if (kind === 'S') return buffer.toString('utf8', start, start + itemBytes);
    const points = Array.from({ length: itemBytes / 4 }, (_, i) => buffer.readUInt32LE(start + 4 * i));
    return points.map((point) => (point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point))).join('');
  };
  return Array.from({ length: values.length / itemBytes }, (_, i) => text(i * itemBytes).replace(/\0+$/, ''));
}
