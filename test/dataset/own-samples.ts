/** Small data sets in the layouts that users bring. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

/** The function writes files below a folder: path -> bytes. */
export function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

/** An array as numpy.save writes it. */
export function npyOf(type: string, shape: readonly number[], values: Uint8Array): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11);
  const start = Buffer.alloc(10);
  start.write('\x93NUMPY\x01\x00', 'latin1');
  start.writeUInt16LE(padded.length + 1, 8);
  return Buffer.concat([start, Buffer.from(`${padded}\n`), values]);
}

/** A zip archive. Like numpy's, its local headers have an extra field. */
export function zipOf(files: Readonly<Record<string, Uint8Array>>, deflate = true): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const data = deflate ? deflateRawSync(bytes) : Buffer.from(bytes);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflate ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const extra = Buffer.alloc(20);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(16, 2);
    const localFields = Buffer.from(fields);
    localFields.writeUInt16LE(extra.length, 24);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), localFields, Buffer.from(name), extra, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.of(20, 0), fields, rest, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, entries, end]);
}

export interface PngShape {
  readonly width: number;
  readonly height: number;
  readonly depth: 1 | 2 | 4 | 8 | 16;
  /** 0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha. */
  readonly colourType: 0 | 2 | 3 | 4 | 6;
  readonly interlaced?: boolean;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  out.set(body, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** A PNG file of rows as they stand in it, without filters. `chunks` go before the pixels. */
export function pngOf(shape: PngShape, rows: readonly Uint8Array[], chunks: Readonly<Record<string, Uint8Array>> = {}) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(shape.width, 0);
  header.writeUInt32BE(shape.height, 4);
  header.set([shape.depth, shape.colourType, 0, 0, shape.interlaced ? 1 : 0], 8);
  const raw = Buffer.concat(rows.flatMap((row) => [Buffer.of(0), row]));
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    ...Object.entries(chunks).map(([type, data]) => chunk(type, data)),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/** A grey PNG of one value. */
export function greyPng(height: number, width: number, value: number): Uint8Array {
  const rows = Array.from({ length: height }, () => new Uint8Array(width).fill(value));
  return pngOf({ width, height, depth: 8, colourType: 0 }, rows);
}

/** 8x8, grey: 20 more a column and 12 more a row; quality 95. */
export const greyJpeg = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoK' +
    'CgoKBggLDAsKDAkKCgr/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EABoQAAAHAAAAAAAAAAAAAAAAAAAICSU1' +
    'QlL/2gAIAQEAAD8AP0kiSRjRig//2Q==',
  'base64',
);

/** 8x8, colour, progressive: red 30 more a column, green 30 more a row, blue 15 more for either; quality 95. */
export const progressiveJpeg = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoK' +
    'CgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoK' +
    'CgoKCgoKCgr/wgARCAAIAAgDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAABv/EABQBAQAAAAAAAAAAAAAAAAAAAAD/2gAM' +
    'AwEAAhADEAAAASJ//8QAFhAAAwAAAAAAAAAAAAAAAAAAAAYH/9oACAEBAAEFAk+Tn//EABcRAQADAAAAAAAAAAAAAAAAAAYAIjL/' +
    '2gAIAQMBAT8BAP8ANp//xAAVEQEBAAAAAAAAAAAAAAAAAAAEAP/aAAgBAgEBPwEi7//EABcQAAMBAAAAAAAAAAAAAAAAAAACJKH/' +
    '2gAIAQEABj8CWbD/xAAVEAEBAAAAAAAAAAAAAAAAAAAAof/aAAgBAQABPyGUf//aAAwDAQACAAMAAAAQH//EABYRAAMAAAAAAAAA' +
    'AAAAAAAAAABBof/aAAgBAwEBPxCGz//EABYRAAMAAAAAAAAAAAAAAAAAAAAhMf/aAAgBAgEBPxCDP//EABQQAQAAAAAAAAAAAAAA' +
    'AAAAAAD/2gAIAQEAAT8QC//Z',
  'base64',
);
