import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '#host/dataset/own/decode-image.js';
import type { DecodedImage } from '#host/dataset/own/decoded-image.js';
import { integersOf, parseNpy, textsOf } from '#host/dataset/own/npy.js';
import { parseNumpyArchive } from '#host/dataset/own/numpy-archive.js';
import { readZip } from '#host/dataset/own/zip.js';
import { DataError } from '#host/errors.js';
import { greyJpeg, npyOf, type PngShape, pngOf, progressiveJpeg, zipOf } from './own-samples.js';

/** Damage of a file: some bytes changed, or its end cut off. */
const damage = fc.record({
  changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  cut: fc.option(fc.nat(), { freq: 4 }),
});

function damaged(bytes: Uint8Array, { changes, cut }: { changes: [number, number][]; cut: number | null }): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const [at, value] of changes) copy[at % copy.length] = value;
  return cut === null ? copy : copy.subarray(0, cut % copy.length);
}

const dataError = (code: string) => expect.objectContaining({ class: 'data', code });

describe('zip', () => {
  const files = { 'a.npy': Uint8Array.of(1, 2, 3), empty: new Uint8Array(0), 'b.npy': new Uint8Array(1000).fill(7) };

  test.each([true, false])('members come back (deflated: %s)', (deflate) => {
    const members = readZip(zipOf(files, deflate), 'archive', 1000);
    expect(Object.fromEntries(members.map((member) => [member.name, [...member.read()]]))).toEqual(
      Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, [...bytes]])),
    );
  });

  test('a member larger than allowed is refused before it is decompressed', () => {
    expect(() => readZip(zipOf(files), 'archive', 999)).toThrow(dataError('SET_TOO_LARGE'));
  });

  test('a member that inflates beyond the size announced is refused', () => {
    const archive = Buffer.from(zipOf({ bomb: new Uint8Array(1_000_000) }));
    const entry = archive.indexOf('PK\x01\x02');
    archive.writeUInt32LE(10, entry + 24);
    const [bomb] = readZip(archive, 'archive', 1000);
    expect(() => bomb!.read()).toThrow(dataError('CORRUPT_ZIP'));
  });

  test('damage is a DataError or leaves the contents as they were', () => {
    fc.assert(
      fc.property(fc.boolean(), damage, (deflate, how) => {
        try {
          for (const member of readZip(damaged(zipOf(files, deflate), how), 'archive', 1000)) member.read();
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('npy', () => {
  test('values of every integer type', () => {
    const numbers = [0, 1, 2, 127];
    const write: Record<string, (buffer: Buffer, value: number, at: number) => void> = {
      '|u1': (buffer, value, at) => buffer.writeUInt8(value, at),
      '|i1': (buffer, value, at) => buffer.writeInt8(value, at),
      '<u2': (buffer, value, at) => buffer.writeUInt16LE(value, 2 * at),
      '>i2': (buffer, value, at) => buffer.writeInt16BE(value, 2 * at),
      '<i4': (buffer, value, at) => buffer.writeInt32LE(value, 4 * at),
      '<i8': (buffer, value, at) => buffer.writeBigInt64LE(BigInt(value), 8 * at),
      '>u8': (buffer, value, at) => buffer.writeBigUInt64BE(BigInt(value), 8 * at),
    };
    for (const [type, put] of Object.entries(write)) {
      const buffer = Buffer.alloc(4 * Number(type[2]));
      for (const [at, value] of numbers.entries()) put(buffer, value, at);
      expect([...integersOf(parseNpy(npyOf(type, [4], buffer), 'x'))!]).toEqual(numbers);
    }
  });

  test('negative numbers, and those that do not fit', () => {
    const read = (type: string, bytes: number[]) => integersOf(parseNpy(npyOf(type, [1], Uint8Array.from(bytes)), 'x'));
    expect([...read('|i1', [255])!]).toEqual([-1]);
    expect([...read('<i8', [255, 255, 255, 255, 255, 255, 255, 255])!]).toEqual([-1]);
    expect(read('<i8', [0, 0, 0, 0, 1, 0, 0, 0])).toBeUndefined();
    expect(read('<u4', [255, 255, 255, 255])).toBeUndefined();
    expect(read('<f4', [0, 0, 0, 0])).toBeUndefined();
  });

  test('texts', () => {
    const points = Buffer.alloc(2 * 4 * 3);
    for (const [at, unit] of [...'caÄ'].entries()) points.writeUInt32LE(unit.codePointAt(0)!, 4 * at);
    points.writeUInt32LE(0x64, 12);
    expect(textsOf(parseNpy(npyOf('<U3', [2], points), 'x'))).toEqual(['caÄ', 'd']);
    expect(textsOf(parseNpy(npyOf('|S3', [2], Buffer.from('catdo\0')), 'x'))).toEqual(['cat', 'do']);
    expect(textsOf(parseNpy(npyOf('|u1', [2], Buffer.from('ab')), 'x'))).toBeUndefined();
  });

  const whole = npyOf('|u1', [2, 3], new Uint8Array(6));
  const withHeader = (from: string, to: string) =>
    Buffer.from(Buffer.from(whole).toString('latin1').replace(from, to), 'latin1');
  test.each([
    ['no array', Buffer.from('hello world'), 'BAD_NPY'],
    ['version 9', withHeader('NUMPY\x01', 'NUMPY\x09'), 'BAD_NPY'],
    ['a pickled object', withHeader("'|u1'", "'|O' "), 'BAD_NPY'],
    ['a record', withHeader("'|u1'", '[  ] '), 'BAD_NPY'],
    ['columns first', withHeader('False', 'True '), 'BAD_NPY'],
    ['a negative dimension', withHeader('(2, 3)', '(-2,3)'), 'BAD_NPY'],
    ['values cut off', whole.subarray(0, whole.length - 1), 'TRUNCATED'],
    ['a header cut off', whole.subarray(0, 40), 'TRUNCATED'],
    ['dimensions far beyond the file', withHeader('(2, 3), }', '(2, 9999999999)}'), 'TRUNCATED'],
    ['one value more', Buffer.concat([whole, Buffer.of(0)]), 'TRAILING_BYTES'],
  ])('%s', (_what, bytes, code) => {
    expect(() => parseNpy(bytes, 'set.npz: x_train')).toThrow(dataError(code));
    expect(() => parseNpy(bytes, 'set.npz: x_train')).toThrow(/^set\.npz: x_train: /);
  });

  test('damage is a DataError or an array that is consistent in itself', () => {
    fc.assert(
      fc.property(damage, (how) => {
        try {
          const { shape, itemBytes, values } = parseNpy(damaged(whole, how), 'x');
          expect(values).toHaveLength(shape.reduce((product, length) => product * length, itemBytes));
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a NumPy archive', () => {
  const x = (count: number) =>
    npyOf(
      '|u1',
      [count, 2, 2],
      Uint8Array.from({ length: 4 * count }, (_, i) => i),
    );
  const y = (...labels: number[]) => npyOf('|u1', [labels.length], Uint8Array.from(labels));
  const parse = (arrays: Record<string, Uint8Array>) => {
    const named = Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes] as const);
    return parseNumpyArchive(zipOf(Object.fromEntries(named)), 'set.npz');
  };

  test('both halves, with names of classes and a checksum an array', () => {
    const names = Buffer.from('cat\0dog\0');
    const set = parse({
      x_train: x(2),
      y_train: y(0, 1),
      x_test: x(1),
      y_test: y(1),
      class_names: npyOf('|S4', [2], names),
    });
    expect(set.train).toMatchObject({ count: 2, height: 2, width: 2, channels: 1 });
    expect([...set.train.pixels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...set.test!.labels]).toEqual([1]);
    expect(set.classNames).toEqual(['cat', 'dog']);
    expect(set.files.map((file) => file.name)).toContain('x_train');
  });

  test('labels in a column and colour, as Keras has CIFAR-10', () => {
    const set = parse({
      x_train: npyOf('|u1', [2, 1, 1, 3], new Uint8Array(6)),
      y_train: npyOf('|u1', [2, 1], Uint8Array.of(1, 0)),
    });
    expect(set.train).toMatchObject({ count: 2, height: 1, width: 1, channels: 3 });
    expect([...set.train.labels]).toEqual([1, 0]);
    expect(set.test).toBeUndefined();
  });

  test.each([
    ['no x_train', { y_train: y(0) }, 'MISSING_ARRAY', /no x_train; it has y_train/],
    ['other names', { arr_0: x(1) }, 'MISSING_ARRAY', /it has arr_0/],
    ['no y_test', { x_train: x(1), y_train: y(0), x_test: x(1) }, 'MISSING_ARRAY', /no y_test/],
    [
      'images of floats',
      { x_train: npyOf('<f4', [1, 1, 1], new Uint8Array(4)), y_train: y(0) },
      'BAD_NPY',
      /x_train is of type <f4/,
    ],
    [
      'labels of floats',
      { x_train: x(1), y_train: npyOf('<f4', [1], new Uint8Array(4)) },
      'BAD_NPY',
      /y_train is of type <f4/,
    ],
    [
      'one-hot labels',
      { x_train: x(1), y_train: npyOf('|u1', [1, 10], new Uint8Array(10)) },
      'BAD_DIMENSIONS',
      /shape \(1, 10\)/,
    ],
    [
      'flat images',
      { x_train: npyOf('|u1', [1, 4], new Uint8Array(4)), y_train: y(0) },
      'BAD_DIMENSIONS',
      /shape \(1, 4\)/,
    ],
    [
      'channels first',
      { x_train: npyOf('|u1', [1, 3, 8, 8], new Uint8Array(192)), y_train: y(0) },
      'BAD_DIMENSIONS',
      /channels first/,
    ],
    ['no images', { x_train: npyOf('|u1', [0, 2, 2], new Uint8Array(0)), y_train: y() }, 'BAD_DIMENSIONS', /0 images/],
    ['fewer labels than images', { x_train: x(2), y_train: y(0) }, 'LABEL_COUNT', /1 labels for the 2 images/],
    [
      'a huge image',
      { x_train: npyOf('|u1', [1, 2048, 1024], new Uint8Array(2 ** 21)), y_train: y(0) },
      'IMAGE_TOO_LARGE',
      /2048x1024/,
    ],
    ['names that are numbers', { x_train: x(1), y_train: y(0), class_names: y(1) }, 'BAD_CLASS_NAMES', /of type \|u1/],
  ])('%s', (_what, arrays, code, message) => {
    expect(() => parse(arrays)).toThrow(dataError(code));
    expect(() => parse(arrays)).toThrow(message);
  });

  test('no archive at all', () => {
    expect(() => parseNumpyArchive(Buffer.from('hello'), 'set.npz')).toThrow(dataError('TRUNCATED'));
  });
});

/** Samples of any bit depth of a shape, and the pixels that a reader must make of them. */
const png = fc
  .record({
    width: fc.integer({ min: 1, max: 9 }),
    height: fc.integer({ min: 1, max: 9 }),
    kind: fc.constantFrom(
      [0, 1],
      [0, 2],
      [0, 4],
      [0, 8],
      [0, 16],
      [2, 8],
      [2, 16],
      [3, 1],
      [3, 2],
      [3, 4],
      [3, 8],
      [4, 8],
      [6, 8],
      [6, 16],
    ),
  })
  .chain(({ width, height, kind: [colourType, depth] }) => {
    const samples = [1, 0, 3, 1, 2, 0, 4][colourType!]!;
    const most = colourType === 3 ? Math.min(2 ** depth!, 5) - 1 : 2 ** depth! - 1;
    const length = width * height * samples;
    return fc.record({
      shape: fc.constant({ width, height, depth, colourType } as PngShape),
      samples: fc.constant(samples),
      values: fc.array(fc.nat(most), { minLength: length, maxLength: length }),
      palette: fc.uint8Array({ minLength: 15, maxLength: 15 }),
    });
  });

function rowsOf(shape: PngShape, samples: number, values: readonly number[]): Uint8Array[] {
  const perRow = shape.width * samples;
  return Array.from({ length: shape.height }, (_, row) => {
    const bits = values
      .slice(row * perRow, (row + 1) * perRow)
      .map((value) => value.toString(2).padStart(shape.depth, '0'))
      .join('');
    const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
    return Uint8Array.from({ length: padded.length / 8 }, (_, byte) =>
      Number.parseInt(padded.slice(8 * byte, 8 * byte + 8), 2),
    );
  });
}

describe('PNG', () => {
  test('every kind of pixel, from the definition of the format', async () => {
    await fc.assert(
      fc.asyncProperty(png, async ({ shape, samples, values, palette }) => {
        const chunks = shape.colourType === 3 ? { PLTE: palette } : {};
        const image = await decodeImage(pngOf(shape, rowsOf(shape, samples, values), chunks), 'image.png');
        const scaled = (value: number) => (shape.depth === 16 ? value >> 8 : (value * 255) / (2 ** shape.depth - 1));
        const over = (value: number, alpha: number) => Math.floor((value * alpha) / 255 + 0.5);
        const grey =
          shape.colourType === 3 &&
          [0, 3, 6, 9, 12].every((at) => palette[at] === palette[at + 1] && palette[at] === palette[at + 2]);
        const expected = Array.from({ length: shape.width * shape.height }, (_, pixel) => {
          const own = values.slice(pixel * samples, (pixel + 1) * samples);
          switch (shape.colourType) {
            case 0:
            case 2:
              return own.map(scaled);
            case 3:
              return [...palette.subarray(3 * own[0]!, 3 * own[0]! + (grey ? 1 : 3))];
            default:
              return own.slice(0, -1).map((value) => over(scaled(value), scaled(own.at(-1)!)));
          }
        });
        expect(image).toMatchObject({ height: shape.height, width: shape.width });
        expect([...image.pixels]).toEqual(expected.flat());
      }),
      { numRuns: 300 },
    );
  });

  test('a colour that stands for transparent is black; a grey palette is grey', async () => {
    const keyed = pngOf({ width: 2, height: 1, depth: 8, colourType: 0 }, [Uint8Array.of(200, 100)], {
      tRNS: Uint8Array.of(0, 200),
    });
    expect([...(await decodeImage(keyed, 'image.png')).pixels]).toEqual([0, 100]);
    const shape = { width: 2, height: 1, depth: 8, colourType: 3 } as const;
    const palette = { PLTE: Uint8Array.of(9, 9, 9, 70, 70, 70), tRNS: Uint8Array.of(0) };
    expect(await decodeImage(pngOf(shape, [Uint8Array.of(0, 1)], palette), 'image.png')).toMatchObject({
      channels: 1,
      pixels: Uint8Array.of(0, 70),
    });
  });

  test('interlaced by bytes is read, by bits refused', async () => {
    const values = Uint8Array.of(1, 2, 3, 4);
    // 2x2: pass 1 has the first pixel, pass 6 the second, pass 7 the last row.
    const rows = [values.subarray(0, 1), values.subarray(1, 2), values.subarray(2)];
    const bytes = pngOf({ width: 2, height: 2, depth: 8, colourType: 0, interlaced: true }, rows);
    expect([...(await decodeImage(bytes, 'image.png')).pixels]).toEqual([1, 2, 3, 4]);
    const bits = pngOf({ width: 2, height: 2, depth: 1, colourType: 0, interlaced: true }, rows);
    await expect(decodeImage(bits, 'image.png')).rejects.toThrow(/interlaced PNG of 1 bits/);
  });

  const shape = { width: 4, height: 4, depth: 8, colourType: 0 } as const;
  const rows = Array.from({ length: 4 }, (_, row) => Uint8Array.of(row, 50, 100, 150));

  test('what is not pixels is passed over, however large it would become', async () => {
    const profile = Buffer.concat([Buffer.from('name\0\0'), deflateSync(new Uint8Array(10_000_000))]);
    const bytes = pngOf(shape, rows, { iCCP: profile, tEXt: Buffer.from('no keyword here') });
    expect((await decodeImage(bytes, 'image.png')).pixels).toHaveLength(16);
  });

  test.each([
    ['pixels beyond the size announced', pngOf(shape, [...rows, new Uint8Array(10_000_000)]), /cannot be decompressed/],
    ['too few pixels', pngOf(shape, rows.slice(1)), /pixels are missing/],
    ['no palette', pngOf({ ...shape, colourType: 3 }, rows), /no palette/],
    [
      'a colour beyond the palette',
      pngOf({ ...shape, colourType: 3 }, rows, { PLTE: new Uint8Array(6) }),
      /not in its palette/,
    ],
    ['no pixels at all', pngOf({ ...shape, width: 0 }, rows), /an image of 4x0/],
    ['a depth that its colours do not have', pngOf({ ...shape, colourType: 2, depth: 4 }, rows), /header/],
    ['a cut file', pngOf(shape, rows).subarray(0, 60), /ends early/],
  ])('%s', async (_what, bytes, message) => {
    await expect(decodeImage(bytes, 'some/image.png')).rejects.toEqual(dataError('IMAGE_UNREADABLE'));
    await expect(decodeImage(bytes, 'some/image.png')).rejects.toThrow(message);
    await expect(decodeImage(bytes, 'some/image.png')).rejects.toThrow(/^some\/image\.png: /);
  });

  test('a size far beyond any network is refused by the header', async () => {
    const bytes = pngOf({ ...shape, width: 0x7fffffff, height: 0x7fffffff }, rows);
    await expect(decodeImage(bytes, 'image.png')).rejects.toEqual(dataError('IMAGE_TOO_LARGE'));
  });
});

describe('JPEG', () => {
  const near = (
    { pixels, channels }: DecodedImage,
    expected: (column: number, row: number, channel: number) => number,
  ) => {
    for (const [index, value] of pixels.entries()) {
      const pixel = Math.floor(index / channels);
      expect(Math.abs(value - expected(pixel % 8, Math.floor(pixel / 8), index % channels))).toBeLessThanOrEqual(3);
    }
  };

  test('grey', async () => {
    const image = await decodeImage(greyJpeg, 'image.jpg');
    expect(image).toMatchObject({ height: 8, width: 8, channels: 1 });
    near(image, (column, row) => 20 * column + 12 * row);
  });

  test('colour, progressive', async () => {
    const image = await decodeImage(progressiveJpeg, 'image.jpg');
    expect(image).toMatchObject({ height: 8, width: 8, channels: 3 });
    near(image, (column, row, channel) => [30 * column, 30 * row, 15 * (column + row)][channel]!);
  });

  const scan = progressiveJpeg.indexOf(Buffer.of(0xff, 0xda));
  const scans = Buffer.concat([
    progressiveJpeg.subarray(0, -2),
    ...Array<Buffer>(200).fill(progressiveJpeg.subarray(scan, -2)),
    Buffer.of(0xff, 0xd9),
  ]);
  const frame = greyJpeg.indexOf(Buffer.of(0xff, 0xc0));
  const withFrame = (offset: number, ...bytes: number[]) => {
    const copy = Buffer.from(greyJpeg);
    copy.set(bytes, frame + offset);
    return copy;
  };
  test.each([
    ['a cut file', greyJpeg.subarray(0, greyJpeg.length - 10), 'IMAGE_UNREADABLE', /ends early/],
    ['a cut header', greyJpeg.subarray(0, 40), 'IMAGE_UNREADABLE', /ends early/],
    ['very many scans', scans, 'IMAGE_UNREADABLE', /more than 100 scans/],
    ['12 bits a sample', withFrame(4, 12), 'IMAGE_UNREADABLE', /12 bits/],
    ['a huge size', withFrame(5, 255, 255, 255, 255), 'IMAGE_TOO_LARGE', /65535x65535/],
    ['no size', withFrame(5, 0, 0), 'IMAGE_UNREADABLE', /an image of 0x8/],
    ['a text file', Buffer.from('hello'), 'IMAGE_UNREADABLE', /neither PNG nor JPEG/],
  ])('%s', async (_what, bytes, code, message) => {
    await expect(decodeImage(bytes, 'image.jpg')).rejects.toEqual(dataError(code));
    await expect(decodeImage(bytes, 'image.jpg')).rejects.toThrow(message);
  });
});

test('damaged images are a DataError or an image that is consistent in itself', async () => {
  const shape = { width: 5, height: 4, depth: 8, colourType: 2 } as const;
  const colour = pngOf(
    shape,
    Array.from({ length: 4 }, (_, row) => new Uint8Array(15).fill(40 * row)),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom<Uint8Array>(colour, greyJpeg, progressiveJpeg), damage, async (bytes, how) => {
      const result = await decodeImage(damaged(bytes, how), 'image').catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(DataError);
      else {
        const { height, width, channels, pixels } = result as DecodedImage;
        expect(pixels).toHaveLength(height * width * channels);
        expect(pixels.length).toBeLessThanOrEqual(3 * 2 ** 20);
      }
    }),
    { numRuns: 600 },
  );
});
