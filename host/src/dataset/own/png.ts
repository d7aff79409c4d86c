/**
 * PNG files by the library fast-png. Before it sees a file, its chunks are walked here: CRCs are checked, the size of the
 * decompressed pixels is bounded, and what has nothing to do with pixels (profiles, texts, animations) is left out.
 */

import { crc32, inflateSync } from 'node:zlib';
import { decode } from 'fast-png';
import { checkImageSize, type DecodedImage, unreadable } from './decoded-image.js';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const PIXEL_CHUNKS: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
/** Samples per pixel by colour type: grey, -, colour, palette, grey with alpha, -, colour with alpha. */
const SAMPLES: readonly (number | undefined)[] = [1, undefined, 3, 1, 2, undefined, 4];
/** First column and row of Adam7's passes, and the steps to the next. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced: boolean;
}

/**
 * Decodes a PNG file. 16 bits become the upper 8; fewer than 8 are spread over 0..255; palettes become their
 * colours; what is transparent is laid over black.
 *
 * @throws DataError IMAGE_UNREADABLE, IMAGE_TOO_LARGE
 */
export function decodePng(bytes: Uint8Array, path: string): DecodedImage {
  const { header, pixelChunks, idat } = walk(bytes, path);
  checkInflated(header, idat, path);
  let decoded: ReturnType<typeof decode>;
  try {
    decoded = decode(Buffer.concat(pixelChunks));
  } catch (cause) {
    throw unreadable(path, 'damaged PNG', cause);
  }
  return toPixels(header, decoded, path);
}

function walk(bytes: Uint8Array, path: string) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 33 || !buffer.subarray(0, 8).equals(SIGNATURE)) throw unreadable(path, 'damaged PNG');
  let header: Header | undefined;
  let palette = 0;
  const pixelChunks: Uint8Array[] = [SIGNATURE];
  const idat: Uint8Array[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > buffer.length) throw unreadable(path, 'PNG ends early');
    const length = buffer.readUInt32BE(at);
    const type = buffer.toString('latin1', at + 4, at + 8);
    const end = at + 12 + length;
    if (end > buffer.length) throw unreadable(path, 'PNG ends early');
    const data = buffer.subarray(at + 8, end - 4);
    if (PIXEL_CHUNKS.has(type)) {
      if (crc32(buffer.subarray(at + 4, end - 4)) !== buffer.readUInt32BE(end - 4)) {
        throw unreadable(path, `damaged PNG: wrong CRC of ${type}`);
      }
      if ((type === 'IHDR') !== (header === undefined)) throw unreadable(path, 'damaged PNG: header out of place');
      if (type === 'IHDR') header = readHeader(data, path);
      else if (type === 'PLTE') palette = length / 3;
      else if (type === 'IDAT') idat.push(data);
      pixelChunks.push(buffer.subarray(at, end));
    }
    at = end;
    if (type === 'IEND') break;
  }
  if (header === undefined) throw unreadable(path, 'damaged PNG: no header');
  if (header.colourType === 3 && !(palette >= 1 && palette <= 256)) throw unreadable(path, 'damaged PNG: no palette');
  return { header, pixelChunks, idat };
}

function readHeader(data: Buffer, path: string): Header {
  if (data.length !== 13) throw unreadable(path, 'damaged PNG: header');
  const [width, height] = [data.readUInt32BE(0), data.readUInt32BE(4)];
  const [depth, colourType, compression, filter, interlace] = data.subarray(8) as unknown as number[];
  checkImageSize(path, height, width);
  const depths = colourType === 0 ? [1, 2, 4, 8, 16] : colourType === 3 ? [1, 2, 4, 8] : [8, 16];
  if (
    SAMPLES[colourType!] === undefined ||
    !depths.includes(depth!) ||
    compression !== 0 ||
    filter !== 0 ||
    interlace! > 1
  ) {
    throw unreadable(path, 'damaged PNG: header');
  }
  // The library gets interlaced pixels of less than a byte wrong.
  if (interlace === 1 && depth! < 8)
    throw unreadable(path, `interlaced PNG of ${depth} bits; save it without interlacing`);
  return { width, height, depth: depth!, colourType: colourType!, interlaced: interlace === 1 };
}

/** The compressed data hold exactly the pixels announced: no file inflates without end, and none is cut. */
function checkInflated(
  { width, height, depth, colourType, interlaced }: Header,
  idat: readonly Uint8Array[],
  path: string,
) {
  const bits = SAMPLES[colourType]! * depth;
  const rows = (columns: number, count: number) => (columns === 0 ? 0 : count * (1 + Math.ceil((columns * bits) / 8)));
  const steps = (size: number, first: number, step: number) => Math.max(0, Math.ceil((size - first) / step));
  const expected = interlaced
    ? PASSES.reduce((sum, [x, y, dx, dy]) => sum + rows(steps(width, x, dx), steps(height, y, dy)), 0)
    : rows(width, height);
  let inflated: Uint8Array;
  try {
    inflated = inflateSync(Buffer.concat(idat), { maxOutputLength: expected });
  } catch (cause) {
    throw unreadable(path, 'damaged PNG: its pixels cannot be decompressed', cause);
  }
  if (inflated.length !== expected) throw unreadable(path, 'PNG ends early: pixels are missing');
}

function toPixels(
  { width, height, depth, colourType }: Header,
  decoded: ReturnType<typeof decode>,
  path: string,
): DecodedImage {
  const count = height * width;
  if (colourType === 3) {
    const palette = decoded.palette ?? [];
    const indices = unpacked(decoded.data, width, height, depth);
    if (indices.some((index) => index >= palette.length))
      throw unreadable(path, 'damaged PNG: a colour that is not in its palette');
    const grey = palette.every(([red, green, blue]) => red === green && green === blue);
    return fromSamples(count, grey ? 1 : 3, height, width, (pixel) => palette[indices[pixel]!]!);
  }
  const samples = SAMPLES[colourType]!;
  if (depth === 8 && decoded.transparency === undefined && (samples === 1 || samples === 3)) {
    return { height, width, channels: samples, pixels: Uint8Array.from(decoded.data) };
  }
  const scale = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  const values = depth < 8 ? unpacked(decoded.data, width, height, depth) : decoded.data;
  const [key] = [decoded.transparency];
  const byte = (index: number) => (depth === 16 ? values[index]! >> 8 : values[index]! * scale);
  const colours = samples < 3 ? 1 : 3;
  return fromSamples(count, colours, height, width, (pixel) => {
    const start = pixel * samples;
    const seen = Array.from({ length: colours }, (_, i) => byte(start + i));
    const keyed = key !== undefined && key.length >= colours && seen.every((_, i) => values[start + i] === key[i]);
    const alpha = keyed ? 0 : samples === 2 || samples === 4 ? byte(start + samples - 1) : 255;
    return colours === 1 ? [seen[0]!, seen[0]!, seen[0]!, alpha] : [...seen, alpha];
  });
}

/** Samples of 1, 2 or 4 bits, whose rows begin at whole bytes; of 8, as they are. */
function unpacked(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const mask = 2 ** depth - 1;
  return Uint8Array.from({ length: width * height }, (_, pixel) => {
    const bit = (pixel % width) * depth;
    return (data[Math.floor(pixel / width) * rowBytes + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
  });
}

function fromSamples(
  count: number,
  channels: 1 | 3,
  height: number,
  width: number,
  colour: (pixel: number) => readonly number[],
): DecodedImage {
  const pixels = new Uint8Array(count * channels);
  for (let pixel = 0; pixel < count; pixel++) {
    const rgba = colour(pixel);
    const alpha = rgba[3] ?? 255;
    for (let channel = 0; channel < channels; channel++) {
      pixels[pixel * channels + channel] = Math.floor((2 * rgba[channel]! * alpha + 255) / 510);
    }
  }
  return { height, width, channels, pixels };
}
