/**
 * Frames: payload, then its CRC-32/ISO-HDLC, little-endian; COBS over both; 0x00 ends it. A bad byte costs one frame
 * (docs/wire.md). COBS: Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999.
 */
import { crc32 } from 'node:zlib';

const CRC_BYTES = 4;
const DELIMITER = 0;
/** A COBS block holds at most this many bytes that are not zero. */
const BLOCK_BYTES = 254;

/** Bytes a payload and its CRC take on the wire at most, the delimiter left out. */
export function encodedBytes(payloadBytes: number): number {
  const bytes = payloadBytes + CRC_BYTES;
  return bytes + Math.floor(bytes / BLOCK_BYTES) + 1;
}

/** Returns the size that the device's limit is about: payload and CRC, before COBS. */
export function frameBytes(payload: Uint8Array): number {
  return payload.length + CRC_BYTES;
}

/** Encodes one frame, its closing 0x00 included. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const crc = crc32(payload);
  const length = payload.length + CRC_BYTES;
  const encoded = new Uint8Array(encodedBytes(payload.length) + 1);
  let code = 0; // where the running block's length goes
  let end = 1;
  for (let i = 0; i < length; i++) {
    const byte = i < payload.length ? payload[i]! : (crc >>> (8 * (i - payload.length))) & 0xff;
    if (byte !== 0) encoded[end++] = byte;
    if (byte === 0 || end - code > BLOCK_BYTES) {
      encoded[code] = end - code;
      code = end++;
    }
  }
  encoded[code] = end - code;
  encoded[end++] = DELIMITER;
  return encoded.subarray(0, end);
}

/** Reads frames out of a byte stream, whatever its pieces. Its memory is bounded by the longest frame it accepts. */
export class FrameDecoder {
  readonly #buffer: Uint8Array;
  #length = 0;
  #overlong = false;
  #badFrames = 0;

  /**
   * Makes a decoder.
   * @param maxPayloadBytes longer frames are dropped and counted as bad
   */
  constructor(maxPayloadBytes = 8192) {
    this.#buffer = new Uint8Array(encodedBytes(maxPayloadBytes));
  }

  /** Frames dropped so far: bad COBS, bad CRC, too short, too long. */
  get badFrames(): number {
    return this.#badFrames;
  }

  /** Takes the next bytes of the stream; returns the payloads of the intact frames that end in them, in order. */
  push(chunk: Uint8Array): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(DELIMITER, start);
      this.#append(chunk.subarray(start, end < 0 ? chunk.length : end));
      if (end < 0) break;
      start = end + 1;
      // Delimiters with nothing between them are idle fill, no frames.
      if (this.#length > 0 || this.#overlong) {
        const payload = this.#overlong ? undefined : decode(this.#buffer.subarray(0, this.#length));
        if (payload) payloads.push(payload);
        else this.#badFrames++;
      }
      this.#length = 0;
      this.#overlong = false;
    }
    return payloads;
  }

  #append(bytes: Uint8Array): void {
    if (this.#overlong || this.#length + bytes.length > this.#buffer.length) {
      this.#overlong = true;
      return;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}

/** The payload of a frame without its delimiter, or undefined when it is damaged. */
function decode(encoded: Uint8Array): Uint8Array | undefined {
  const bytes = new Uint8Array(encoded.length);
  let length = 0;
  let position = 0;
  while (position < encoded.length) {
    const code = encoded[position]!;
    const next = position + code;
    if (next > encoded.length) return undefined;
    bytes.set(encoded.subarray(position + 1, next), length);
    length += code - 1;
    position = next;
    // A full block stands for its bytes alone, and the last block's zero is not part of the data.
    if (code <= BLOCK_BYTES && position < encoded.length) length++;
  }
  if (length < CRC_BYTES) return undefined;
  const payload = bytes.subarray(0, length - CRC_BYTES);
  const view = new DataView(bytes.buffer, length - CRC_BYTES, CRC_BYTES);
  return view.getUint32(0, true) === crc32(payload) ? payload : undefined;
}
