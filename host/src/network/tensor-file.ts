/** Files of raw numbers: learned states, scored flags, images (a byte an element) and biases (two). */
import { DataError } from '../errors.js';
import { readWhole } from '../files.js';

/** Bytes in 0..maximum, exactly `length` of them. Throws DataError TENSOR_MALFORMED, and as readWhole. */
export function readBytesFile(path: string, length: number, maximum: number): Uint8Array {
  const bytes = readExactly(path, length);
  const wrong = bytes.findIndex((byte) => byte > maximum);
  if (wrong >= 0) throw malformed(path, `byte ${wrong} is ${bytes[wrong]}, outside 0..${maximum}`);
  return bytes;
}

/** Reads a learned state: int8 in -127..127, one per edge, canonical order. Throws as readBytesFile. */
export function readStateFile(path: string, edges: number): Int8Array {
  const bytes = readExactly(path, edges);
  const wrong = bytes.indexOf(0x80);
  if (wrong >= 0) throw malformed(path, `edge ${wrong} is -128, outside -127..127`);
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Returns the biases in the bytes of a bias.bin: int16, little-endian; an odd last byte is left out. */
export function biasesOf(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int16Array.from({ length: bytes.length >> 1 }, (_, index) => view.getInt16(2 * index, true));
}

/** Returns the bytes of a bias.bin, which `biasesOf` reads back. */
export function biasBytes(biases: Int16Array): Uint8Array {
  const bytes = new Uint8Array(2 * biases.length);
  const view = new DataView(bytes.buffer);
  for (const [index, bias] of biases.entries()) view.setInt16(2 * index, bias, true);
  return bytes;
}

function readExactly(path: string, length: number): Uint8Array {
  const bytes = readWhole(path);
  if (bytes.length !== length) throw malformed(path, `has ${bytes.length} bytes, must have ${length}`);
  return bytes;
}

function malformed(path: string, complaint: string): DataError {
  return new DataError('TENSOR_MALFORMED', `${path}: ${complaint}`, 'it must be of this very network');
}
