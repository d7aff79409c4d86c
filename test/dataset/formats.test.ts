import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCifar10ImageSet } from '#host/dataset/cifar10.js';
import { inflate } from '#host/dataset/data-file.js';
import { parseIdxImageSet } from '#host/dataset/idx.js';
import { readTar } from '#host/dataset/tar.js';
import { DataError } from '#host/errors.js';
import { cifar10Batch, encodeIdx, tarOf } from './samples.js';

const parseIdx = (images: Uint8Array, labels: Uint8Array) =>
  parseIdxImageSet('set', { fileName: 'images', bytes: images }, { fileName: 'labels', bytes: labels });

const idxContents = fc
  .record({
    count: fc.integer({ min: 1, max: 5 }),
    height: fc.integer({ min: 1, max: 6 }),
    width: fc.integer({ min: 1, max: 6 }),
  })
  .chain(({ count, height, width }) =>
    fc.record({
      count: fc.constant(count),
      height: fc.constant(height),
      width: fc.constant(width),
      pixels: fc.uint8Array({ minLength: count * height * width, maxLength: count * height * width }),
      labels: fc.uint8Array({ minLength: count, maxLength: count, max: 9 }),
    }),
  );

/** Runs a reader on damaged input: it must name the damage, or, where the format allows none to be seen, undefined. */
function damageOf(read: () => unknown): DataError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return error as DataError;
  }
}

describe('idx', () => {
  const images = encodeIdx(
    [2, 2, 3],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  );
  const labels = encodeIdx([2], Uint8Array.of(9, 0));

  test('what was written comes back', () => {
    fc.assert(
      fc.property(idxContents, ({ count, height, width, pixels, labels }) => {
        const set = parseIdx(encodeIdx([count, height, width], pixels), encodeIdx([count], labels));
        expect(set).toMatchObject({ name: 'set', count, height, width, channels: 1, classes: 10 });
        expect([...set.pixels]).toEqual([...pixels]);
        expect([...set.labels]).toEqual([...labels]);
      }),
    );
  });

  test('every truncation is seen', () => {
    for (let length = 0; length < images.length; length++) {
      expect(damageOf(() => parseIdx(images.subarray(0, length), labels))?.code).toBe('TRUNCATED');
    }
    for (let length = 0; length < labels.length; length++) {
      expect(damageOf(() => parseIdx(images, labels.subarray(0, length)))?.code).toBe('TRUNCATED');
    }
  });

  test('every damaged header is seen', () => {
    fc.assert(
      fc.property(fc.nat(15), fc.integer({ min: 1, max: 255 }), (position, flip) => {
        const damaged = Uint8Array.from(images);
        damaged[position]! ^= flip;
        const found = damageOf(() => parseIdx(damaged, labels));
        // Two dimensions can change and their product stay only when two bytes change.
        expect(found?.code).toMatch(/^(BAD_MAGIC|BAD_DIMENSIONS|TRUNCATED|TRAILING_BYTES)$/);
      }),
    );
  });

  test('arbitrary bytes give a DataError or a set that is consistent in itself', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }), (a, b) => {
        expect(damageOf(() => parseIdx(a, b))).toBeInstanceOf(DataError);
      }),
    );
  });

  test.each([
    ['a magic of labels where images are expected', labels, labels, 'BAD_MAGIC'],
    ['a dimension of 0', encodeIdx([0, 2, 3], new Uint8Array(0)), labels, 'BAD_DIMENSIONS'],
    [
      'dimensions far beyond the file',
      encodeIdx([0xffffffff, 0xffffffff, 0xffffffff], new Uint8Array(8)),
      labels,
      'TRUNCATED',
    ],
    ['bytes after the last image', Uint8Array.of(...images, 0), labels, 'TRAILING_BYTES'],
    ['fewer labels than images', images, encodeIdx([1], Uint8Array.of(3)), 'LABEL_COUNT'],
    ['a label of 10', images, encodeIdx([2], Uint8Array.of(9, 10)), 'LABEL_OUT_OF_RANGE'],
  ])('%s', (_what, imageBytes, labelBytes, code) => {
    expect(damageOf(() => parseIdx(imageBytes, labelBytes))).toMatchObject({ code, class: 'data' });
  });
});

describe('cifar10', () => {
  const batch = cifar10Batch([3, 9]);
  const parse = (...batches: Uint8Array[]) =>
    parseCifar10ImageSet(
      'set',
      batches.map((bytes, i) => ({ fileName: `batch ${i}`, bytes })),
      2,
    );

  test('planes become interleaved channels, row by row', () => {
    const bytes = cifar10Batch([3, 9]);
    bytes[3073 + 1 + 1024 + 33] = 77; // second image, green, row 1, column 1
    const set = parse(bytes, cifar10Batch([0, 1]));
    expect(set).toMatchObject({ count: 4, height: 32, width: 32, channels: 3, classes: 10 });
    expect([...set.labels]).toEqual([3, 9, 0, 1]);
    expect([...set.pixels.subarray(0, 3)]).toEqual([0, 1, 2]);
    expect([...set.pixels.subarray(3072 + 33 * 3, 3072 + 33 * 3 + 3)]).toEqual([10, 77, 12]);
    expect(set.pixels).toHaveLength(4 * 3072);
  });

  test('every truncation is seen, also at the end of a record', () => {
    fc.assert(
      fc.property(fc.nat(batch.length - 1), (length) => {
        expect(damageOf(() => parse(batch.subarray(0, length)))?.code).toBe('TRUNCATED');
      }),
    );
    expect(damageOf(() => parse(batch.subarray(0, 3073)))?.code).toBe('TRUNCATED');
  });

  test('trailing bytes and a label of 10 are seen', () => {
    expect(damageOf(() => parse(Uint8Array.of(...batch, 1)))?.code).toBe('TRAILING_BYTES');
    expect(damageOf(() => parse(batch, cifar10Batch([0, 10])))).toMatchObject({
      code: 'LABEL_OUT_OF_RANGE',
      message: expect.stringContaining('batch 1: label 10 of image 1'),
    });
  });
});

describe('gzip', () => {
  test('plain bytes pass', async () => {
    expect([...(await inflate(Uint8Array.of(0, 0, 8, 1), 'file'))]).toEqual([0, 0, 8, 1]);
  });

  test('a truncated stream is TRUNCATED', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(), async (content, cut) => {
        const whole = gzipSync(content);
        const length = 2 + (cut % (whole.length - 2));
        await expect(inflate(whole.subarray(0, length), 'file')).rejects.toMatchObject({ code: 'TRUNCATED' });
      }),
    );
  });

  test('a flipped bit gives a DataError, or the same bytes where gzip carries no meaning', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat(7), async (content, position, bit) => {
        const damaged = Buffer.from(gzipSync(content));
        const at = 2 + (position % (damaged.length - 2)); // the first two bytes tell gzip from plain
        damaged[at]! ^= 1 << bit;
        const result = await inflate(damaged, 'file').catch((error: unknown) => error);
        if (result instanceof Uint8Array) expect([...result]).toEqual([...content]);
        else expect(result).toBeInstanceOf(DataError);
      }),
    );
  });
});

describe('tar', () => {
  const files = { 'a.bin': Uint8Array.of(1, 2, 3), 'b.bin': new Uint8Array(512).fill(9), empty: new Uint8Array(0) };
  const archive = tarOf('folder', files);

  test('regular files come back, folders are passed over', () => {
    const found = [...readTar(archive, 'archive')].map(({ name, bytes }) => [name, [...bytes]]);
    expect(found).toEqual(Object.entries(files).map(([name, bytes]) => [`folder/${name}`, [...bytes]]));
  });

  test('a truncated archive never looks complete', () => {
    fc.assert(
      fc.property(fc.nat(archive.length - 1025), (length) => {
        expect(damageOf(() => [...readTar(archive.subarray(0, length), 'archive')])).toBeInstanceOf(DataError);
      }),
    );
  });

  test('a damaged header is seen', () => {
    fc.assert(
      fc.property(fc.nat(511), fc.integer({ min: 1, max: 255 }), (position, flip) => {
        const damaged = Uint8Array.from(archive);
        damaged[position]! ^= flip;
        const found = damageOf(() => [...readTar(damaged, 'archive')]);
        // The checksum field ends in a NUL and a blank that carry no meaning.
        if (found === undefined) expect(position).toBeGreaterThanOrEqual(148);
        else expect(found).toBeInstanceOf(DataError);
      }),
    );
  });
});
