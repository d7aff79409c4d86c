import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Dataset, loadDataset } from '#host/dataset/dataset.js';
import { imagePixels } from '#host/dataset/image-set.js';
import { checkTransferSet } from '#host/dataset/transfer-set.js';
import { PriotError } from '#host/errors.js';
import { greyJpeg, greyPng, npyOf, pngOf, writeFiles, zipOf } from './own-samples.js';
import { encodeIdx, sha256 } from './samples.js';
import { temporaryFolder } from './temporary-folder.js';

const environment = { XDG_CACHE_HOME: '/nonexistent' };
const load = (path: string, options: Parameters<typeof loadDataset>[1] = {}) =>
  loadDataset(path, { environment, ...options });
const failure = (code: string, message: RegExp, errorClass: 'data' | 'usage' = 'data') =>
  expect.objectContaining({
    code,
    class: errorClass,
    message: expect.stringMatching(message),
    remedy: expect.any(String),
  });

/** Pixels that tell which image they are of. */
const images = (count: number, height = 2, width = 3) =>
  encodeIdx(
    [count, height, width],
    Uint8Array.from({ length: count * height * width }, (_, i) => i),
  );
const labels = (...values: number[]) => encodeIdx([values.length], Uint8Array.from(values));

describe('IDX files', () => {
  test.each([
    ['as MNIST, Fashion-MNIST and KMNIST name them', '', 't10k', ''],
    ['as some unpackers leave them', '', 't10k', '.'],
    ['as QMNIST names them', 'qmnist-', 'test', ''],
    ['as EMNIST names them', 'emnist-letters-', 'test', ''],
    ["in torchvision's folder", 'raw/', 't10k', ''],
  ])('%s', async (_what, prefix, half, dot) => {
    const name = (part: string, kind: string) => `${prefix}${part}-${kind}`.replace('-idx', `${dot || '-'}idx`);
    const folder = writeFiles(temporaryFolder(), {
      [name('train', 'images-idx3-ubyte.gz')]: gzipSync(images(4)),
      [name('train', 'labels-idx1-ubyte.gz')]: gzipSync(labels(1, 0, 2, 1)),
      [name(half, 'images-idx3-ubyte')]: images(3),
      [name(half, 'labels-idx1-ubyte')]: labels(2, 0, 1),
    });
    const { train, test: testSet, classNames, provenance } = await load(folder);
    expect(train).toMatchObject({ count: 4, height: 2, width: 3, channels: 1, classes: 3 });
    expect([...train.labels]).toEqual([1, 0, 2, 1]);
    expect([...imagePixels(train, 1)]).toEqual([6, 7, 8, 9, 10, 11]);
    expect([...testSet.labels]).toEqual([2, 0, 1]);
    expect(classNames).toEqual(['0', '1', '2']);
    expect(provenance.source).toMatch(/^IDX files in /);
    expect(provenance.files).toHaveLength(4);
    // Over decompressed bytes: compressed again, it is the same file.
    expect(provenance.files.map((file) => file.sha256)).toContain(sha256(images(4)));
  });

  test("EMNIST's letters: labels from 1, names from the mapping, images that lie on their side", async () => {
    const folder = writeFiles(temporaryFolder(), {
      'emnist-letters-train-images-idx3-ubyte': images(3),
      'emnist-letters-train-labels-idx1-ubyte': labels(3, 1, 2),
      'emnist-letters-test-images-idx3-ubyte': images(3),
      'emnist-letters-test-labels-idx1-ubyte': labels(1, 3, 2),
      'emnist-letters-mapping.txt': '1 65 97\r\n2 66 98\n3 67 99\n',
    });
    const { train, classNames } = await load(folder, { transpose: true });
    expect(train).toMatchObject({ height: 3, width: 2, classes: 3 });
    expect([...train.labels]).toEqual([2, 0, 1]);
    expect([...imagePixels(train, 0)]).toEqual([0, 3, 1, 4, 2, 5]);
    expect(classNames).toEqual(['Aa', 'Bb', 'Cc']);
  });

  test('labels from 1 without a mapping keep their numbers as names', async () => {
    const half = (name: string) => ({
      [`${name}-images-idx3-ubyte`]: images(2),
      [`${name}-labels-idx1-ubyte`]: labels(2, 1),
    });
    const { train, classNames } = await load(writeFiles(temporaryFolder(), { ...half('train'), ...half('t10k') }));
    expect([...train.labels]).toEqual([1, 0]);
    expect(classNames).toEqual(['1', '2']);
  });

  test("QMNIST's rows of labels, the class first", async () => {
    const rows = Buffer.alloc(12 + 2 * 8 * 4);
    rows.writeUInt32BE(0x0c02, 0);
    rows.writeUInt32BE(2, 4);
    rows.writeUInt32BE(8, 8);
    rows.writeUInt32BE(1, 12);
    rows.writeUInt32BE(2100, 12 + 8); // the writer
    const folder = writeFiles(temporaryFolder(), {
      'qmnist-train-images-idx3-ubyte': images(2),
      'qmnist-train-labels-idx2-int.gz': gzipSync(rows),
      'qmnist-test-images-idx3-ubyte': images(3),
      'qmnist-test-labels-idx1-ubyte': labels(1, 0, 1),
      'qmnist-test-labels-idx2-int': rows,
    });
    const { train, test: testSet } = await load(folder);
    expect([...train.labels]).toEqual([1, 0]);
    expect([...testSet.labels]).toEqual([1, 0, 1]);
  });

  test('one of several sets in a folder is named by what its files begin with', async () => {
    const set = (prefix: string, ...values: number[]) => ({
      [`${prefix}-train-images-idx3-ubyte`]: images(values.length),
      [`${prefix}-train-labels-idx1-ubyte`]: labels(...values),
      [`${prefix}-test-images-idx3-ubyte`]: images(values.length),
      [`${prefix}-test-labels-idx1-ubyte`]: labels(...values),
    });
    const folder = writeFiles(temporaryFolder(), { ...set('emnist-digits', 1, 0), ...set('emnist-balanced', 2, 0, 1) });
    await expect(load(folder)).rejects.toEqual(failure('SEVERAL_SETS', /emnist-balanced, emnist-digits/));
    const named = await load(join(folder, 'emnist-balanced'));
    expect(named).toMatchObject({ name: 'emnist-balanced', train: { name: 'emnist-balanced train', classes: 3 } });
    await expect(load(join(folder, 'emnist-letters'))).rejects.toEqual(
      failure('NO_SUCH_FOLDER', /no such folder or file/),
    );
  });

  test('classes.txt names the classes', async () => {
    const half = (name: string) => ({
      [`${name}-images-idx3-ubyte`]: images(2),
      [`${name}-labels-idx1-ubyte`]: labels(1, 0),
    });
    const files = { ...half('train'), ...half('t10k') };
    const { classNames } = await load(
      writeFiles(temporaryFolder(), { ...files, 'classes.txt': 'T-shirt/top\r\nTrouser\n' }),
    );
    expect(classNames).toEqual(['T-shirt/top', 'Trouser']);
    const one = writeFiles(temporaryFolder(), { ...files, 'classes.txt': 'T-shirt/top\n' });
    await expect(load(one)).rejects.toEqual(failure('BAD_CLASS_NAMES', /2 classes and names for 1/));
  });

  const good = {
    'train-images-idx3-ubyte': images(3),
    'train-labels-idx1-ubyte': labels(1, 0, 2),
    't10k-images-idx3-ubyte': images(3),
    't10k-labels-idx1-ubyte': labels(2, 0, 1),
  };
  test.each([
    ['labels without images', { 'train-images-idx3-ubyte': undefined }, 'MISSING_FILES', /not the images/],
    [
      'test images alone',
      { 'train-images-idx3-ubyte': undefined, 'train-labels-idx1-ubyte': undefined },
      'MISSING_FILES',
      /no training images/,
    ],
    [
      'other sizes in the test half',
      { 't10k-images-idx3-ubyte': images(3, 3, 3) },
      'MIXED_SIZES',
      /2x3x1, test images 3x3x1/,
    ],
    [
      'labels from 2',
      { 'train-labels-idx1-ubyte': labels(2, 3, 4), 't10k-labels-idx1-ubyte': labels(2, 3, 4) },
      'LABEL_OUT_OF_RANGE',
      /smallest label is 2/,
    ],
    [
      'a class without training images',
      { 'train-labels-idx1-ubyte': labels(0, 2, 2) },
      'EMPTY_CLASS',
      /train has no image of class 1/,
    ],
    [
      'a class without test images',
      { 't10k-labels-idx1-ubyte': labels(2, 2, 1) },
      'EMPTY_CLASS',
      /test has no image of class 0/,
    ],
    ['gaps', { 'train-labels-idx1-ubyte': labels(0, 9, 1) }, 'EMPTY_CLASS', /classes 2, 3, 4, 5, 6, …/],
    [
      'fewer labels than images',
      { 'train-labels-idx1-ubyte': labels(1, 0) },
      'LABEL_COUNT',
      /2 labels for the 3 images/,
    ],
    ['a damaged header', { 'train-images-idx3-ubyte': Buffer.from('not an IDX file') }, 'BAD_MAGIC', /train-images/],
    [
      'a cut gzip stream',
      { 'train-images-idx3-ubyte': gzipSync(images(3)).subarray(0, 20) },
      'TRUNCATED',
      /train-images/,
    ],
    [
      'an image too large for any network',
      { 'train-images-idx3-ubyte': images(1, 2048, 1024), 'train-labels-idx1-ubyte': labels(0) },
      'IMAGE_TOO_LARGE',
      /2048x1024/,
    ],
  ])('%s', async (_what, change, code, message) => {
    const files = Object.fromEntries(Object.entries({ ...good, ...change }).filter(([, bytes]) => bytes !== undefined));
    await expect(load(writeFiles(temporaryFolder(), files as Record<string, Uint8Array>))).rejects.toEqual(
      failure(code, message),
    );
  });
});

describe("CIFAR's layout", () => {
  const record = (value: number, ...own: number[]) =>
    Buffer.concat([Buffer.from(own), new Uint8Array(3072).fill(value)]);

  test('batches of any length, class names beside them', async () => {
    const folder = writeFiles(temporaryFolder(), {
      'data_batch_2.bin': Buffer.concat([record(3, 1)]),
      'data_batch_10.bin': record(4, 0),
      'data_batch_1.bin.gz': gzipSync(Buffer.concat([record(1, 1), record(2, 0)])),
      'test_batch.bin': Buffer.concat([record(5, 1), record(6, 0)]),
      'batches.meta.txt': 'left\nright\n\n',
    });
    const { train, test: testSet, classNames } = await load(folder);
    expect(train).toMatchObject({ count: 4, height: 32, width: 32, channels: 3 });
    expect([...train.labels]).toEqual([1, 0, 1, 0]);
    expect([0, 1, 2, 3].map((image) => imagePixels(train, image)[0])).toEqual([1, 2, 3, 4]);
    expect(testSet.count).toBe(2);
    expect(classNames).toEqual(['left', 'right']);
  });

  test("CIFAR-100's two labels", async () => {
    const folder = writeFiles(temporaryFolder(), {
      'train.bin': Buffer.concat([record(1, 0, 2), record(2, 1, 0), record(3, 0, 1)]),
      'test.bin': Buffer.concat([record(1, 1, 1), record(2, 0, 0), record(3, 0, 2)]),
      'fine_label_names.txt': 'apple\nbed\ncloud',
      'coarse_label_names.txt': 'fruit\nthing',
    });
    const fine = await load(folder);
    expect([...fine.train.labels]).toEqual([2, 0, 1]);
    expect(fine.classNames).toEqual(['apple', 'bed', 'cloud']);
    const coarse = await load(folder, { labels: 'coarse' });
    expect([...coarse.train.labels]).toEqual([0, 1, 0]);
    expect(coarse.classNames).toEqual(['fruit', 'thing']);
    expect(coarse.provenance).toEqual(fine.provenance);
  });

  test('a length that is no whole number of records', async () => {
    const folder = writeFiles(temporaryFolder(), { 'data_batch_1.bin': record(1, 0).subarray(1) });
    await expect(load(folder)).rejects.toEqual(
      failure('TRUNCATED', /3072 bytes are no whole number of records of 3073/),
    );
  });
});

describe('folders of images', () => {
  const animals = (half: string, count: number) =>
    Object.fromEntries(
      ['cat', 'dog'].flatMap((name, label) =>
        Array.from({ length: count }, (_, i) => [`${half}${name}/${i}.png`, greyPng(4, 5, 100 * label + i)] as const),
      ),
    );

  test('a folder a class, below train and test', async () => {
    const folder = writeFiles(temporaryFolder(), {
      ...animals('train/', 20),
      ...animals('test/', 5),
      'train/cat/.DS_Store': 'hidden',
      'train/cat/notes.txt': 'no image',
      'README.md': 'about',
    });
    const { train, test: testSet, classNames, provenance } = await load(folder);
    expect(train).toMatchObject({ count: 40, height: 4, width: 5, channels: 1, classes: 2 });
    expect(testSet.count).toBe(10);
    expect(classNames).toEqual(['cat', 'dog']);
    // Mixed, or a session would see one class only; each image still has its label.
    expect(new Set(train.labels.subarray(0, 10)).size).toBe(2);
    for (let image = 0; image < train.count; image++) {
      expect(Math.floor(imagePixels(train, image)[0]! / 100)).toBe(train.labels[image]);
    }
    expect(provenance.files.map((file) => file.name)).toEqual(['train/cat', 'train/dog', 'test/cat', 'test/dog']);
    const again = await load(folder);
    expect(again.train.pixels).toEqual(train.pixels);
    expect(again.provenance).toEqual(provenance);
  });

  test('a changed image changes the checksum of its class alone', async () => {
    const folder = writeFiles(temporaryFolder(), { ...animals('train/', 3), ...animals('test/', 2) });
    const before = (await load(folder)).provenance.files;
    writeFiles(folder, { 'train/dog/1.png': greyPng(4, 5, 7) });
    const after = (await load(folder)).provenance.files;
    expect(after.filter((file, i) => file.sha256 !== before[i]!.sha256).map((file) => file.name)).toEqual([
      'train/dog',
    ]);
  });

  test('PNG and JPEG, grey and colour together become colour; --channels 1 makes all grey', async () => {
    const colour = pngOf({ width: 8, height: 8, depth: 8, colourType: 2 }, Array(8).fill(new Uint8Array(24).fill(10)));
    const files = { 'a/1.jpeg': greyJpeg, 'a/2.JPG': greyJpeg, 'b/1.PNG': colour, 'b/2.png': greyPng(8, 8, 30) };
    const folder = writeFiles(temporaryFolder(), files);
    const { train, test: testSet } = await load(folder, { split: 0.5 });
    expect(train).toMatchObject({ count: 2, channels: 3 });
    const pixels = [train, testSet].flatMap((set) => [0, 1].map((image) => [...imagePixels(set, image)]));
    expect(pixels).toContainEqual(Array(192).fill(10));
    expect(pixels).toContainEqual(Array(192).fill(30));
    const grey = await load(folder, { split: 0.5, channels: 1 });
    expect(grey.train.channels).toBe(1);
    expect([grey.train, grey.test].flatMap((set) => [0, 1].map((i) => imagePixels(set, i)[0]))).toEqual(
      expect.arrayContaining([10, 30]),
    );
  });

  test.each([
    [
      'an image that is cut',
      { 'train/cat/1.png': greyPng(4, 5, 1).subarray(0, 50) },
      'IMAGE_UNREADABLE',
      /train\/cat\/1\.png: PNG ends early/,
    ],
    [
      'no image behind the name',
      { 'train/dog/0.png': 'hello' },
      'IMAGE_UNREADABLE',
      /train\/dog\/0\.png: neither PNG nor JPEG/,
    ],
    ['another kind of image', { 'train/dog/x.webp': 'RIFF' }, 'IMAGE_UNREADABLE', /x\.webp: images of this kind/],
    ['mixed sizes', { 'train/dog/2.png': greyPng(5, 5, 1) }, 'MIXED_SIZES', /dog\/2\.png is 5x5, .*cat\/0\.png is 4x5/],
    [
      'other sizes in test',
      {
        'test/cat/0.png': greyPng(5, 4, 1),
        'test/cat/1.png': greyPng(5, 4, 1),
        'test/dog/0.png': greyPng(5, 4, 1),
        'test/dog/1.png': greyPng(5, 4, 1),
      },
      'MIXED_SIZES',
      /5x4/,
    ],
    ['an empty class', { 'train/emu/notes.txt': 'none yet' }, 'EMPTY_CLASS', /emu has no PNG or JPEG/],
    ['a class that is in test alone', { 'test/emu/1.png': greyPng(4, 5, 1) }, 'BAD_CLASS_NAMES', /no class emu/],
  ])('%s', async (_what, files, code, message) => {
    const folder = writeFiles(temporaryFolder(), { ...animals('train/', 2), ...animals('test/', 2), ...files });
    await expect(load(folder)).rejects.toEqual(failure(code, message));
  });

  test.skipIf(process.getuid?.() === 0)('an image that may not be read', async () => {
    const folder = writeFiles(temporaryFolder(), { ...animals('train/', 2), ...animals('test/', 2) });
    chmodSync(join(folder, 'train/cat/0.png'), 0);
    await expect(load(folder)).rejects.toEqual(failure('FILE_UNREADABLE', /cat\/0\.png \(EACCES\)/));
  });

  test('an aborted signal ends it', async () => {
    const folder = writeFiles(temporaryFolder(), animals('train/', 2));
    const reason = new Error('stopped');
    await expect(load(folder, { split: 0.5, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('a NumPy archive', () => {
  const bytes = zipOf({
    'x_train.npy': npyOf('|u1', [4, 1, 2], Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    'y_train.npy': npyOf('<i8', [4], new Uint8Array(new BigInt64Array([1n, 0n, 1n, 0n]).buffer)),
    'x_test.npy': npyOf('|u1', [2, 1, 2], Uint8Array.of(9, 8, 7, 6)),
    'y_test.npy': npyOf('<i8', [2], new Uint8Array(new BigInt64Array([1n, 0n]).buffer)),
  });

  test.each([
    ['by its name', 'set.npz'],
    ['alone in its folder', '.'],
  ])('%s', async (_what, path) => {
    const folder = writeFiles(temporaryFolder(), { 'set.npz': bytes, 'classes.txt': 'left\nright' });
    const { train, test: testSet, classNames, provenance } = await load(join(folder, path));
    expect([...train.pixels]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...train.labels]).toEqual([1, 0, 1, 0]);
    expect([...testSet.labels]).toEqual([1, 0]);
    expect(classNames).toEqual(['left', 'right']);
    expect(provenance.files[0]).toEqual({
      name: 'x_train',
      sha256: sha256(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    });
  });

  test('its name is that of the set', async () => {
    const folder = writeFiles(temporaryFolder(), { 'set.npz': bytes });
    expect((await load(join(folder, 'set.npz'))).name).toBe('set');
  });
});

describe('--split', () => {
  const idx = (...values: number[]) =>
    writeFiles(temporaryFolder(), {
      'train-images-idx3-ubyte': encodeIdx(
        [values.length, 1, 1],
        Uint8Array.from(values, (_, i) => i),
      ),
      'train-labels-idx1-ubyte': labels(...values),
    });

  test('every image comes into one half, and each class is divided alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 2, maxLength: 5 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        async (counts, fraction) => {
          const values = counts.flatMap((count, label) => Array<number>(count).fill(label));
          const { train, test: testSet } = await load(idx(...values), { split: fraction });
          expect([...train.pixels, ...testSet.pixels].sort((a, b) => a - b)).toEqual(values.map((_, i) => i));
          for (const set of [train, testSet]) {
            for (let image = 0; image < set.count; image++) expect(set.labels[image]).toBe(values[set.pixels[image]!]);
          }
          for (const [label, count] of counts.entries()) {
            const own = train.labels.filter((value) => value === label).length;
            expect(own).toBe(Math.min(count - 1, Math.max(1, Math.floor(count * fraction + 0.5))));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('is the same whenever it is made', async () => {
    const folder = idx(...Array.from({ length: 50 }, (_, i) => i % 2));
    const [one, two] = [await load(folder, { split: 0.8 }), await load(folder, { split: 0.8 })];
    expect(one.train).toEqual(two.train);
    expect([one.train.count, one.test.count]).toEqual([40, 10]);
  });

  test.each([0, 1, -0.5, 80, Number.NaN])('%s is no share', async (split) => {
    await expect(load(idx(0, 0, 1, 1), { split })).rejects.toEqual(
      failure('BAD_SPLIT', /not between 0 and 1/, 'usage'),
    );
  });

  test('is needed where there are no test images, and only there', async () => {
    await expect(load(idx(0, 0, 1, 1))).rejects.toEqual(failure('NO_TEST_SET', /training images only/));
    const folder = writeFiles(idx(0, 1), {
      't10k-images-idx3-ubyte': images(2, 1, 1),
      't10k-labels-idx1-ubyte': labels(0, 1),
    });
    await expect(load(folder, { split: 0.8 })).rejects.toEqual(
      failure('SPLIT_OF_SPLIT', /test images of its own/, 'usage'),
    );
  });

  test('a class of one image cannot be divided', async () => {
    await expect(load(idx(0, 0, 1), { split: 0.8 })).rejects.toEqual(failure('EMPTY_CLASS', /one image of class 1/));
  });
});

describe('what --dataset names', () => {
  const half = (name: string) => ({
    [`${name}-images-idx3-ubyte`]: images(2),
    [`${name}-labels-idx1-ubyte`]: labels(1, 0),
  });
  const files = { ...half('train'), ...half('t10k') };

  test('a path below --data-dir or $PRIOT_DATA is found', async () => {
    const base = temporaryFolder();
    writeFiles(join(base, 'FashionMNIST/raw'), files);
    expect((await load('FashionMNIST', { dataDir: base })).name).toBe('FashionMNIST');
    expect((await load('FashionMNIST', { environment: { ...environment, PRIOT_DATA: base } })).train.count).toBe(2);
  });

  test('a name that is none: which there are, and what a folder may hold', async () => {
    await expect(load('fashion-mnist')).rejects.toMatchObject({
      code: 'UNKNOWN_DATASET',
      class: 'usage',
      message: expect.stringContaining('no such folder'),
      remedy: expect.stringMatching(/mnist, cifar10, digits, or a folder .*IDX.*CIFAR.*\.npz.*PNG or JPEG/),
    });
  });

  test.each([
    ['a path that is not there', './nowhere', 'NO_SUCH_FOLDER', /nowhere: there is no such folder or file/],
    ['a device', '/dev/null', 'NO_SUCH_FOLDER', /neither a folder nor a file/],
  ])('%s', async (_what, path, code, message) => {
    await expect(load(path)).rejects.toEqual(failure(code, message));
  });

  test('a folder or a file that is in no layout', async () => {
    const folder = writeFiles(temporaryFolder(), { 'notes.txt': 'hello' });
    await expect(load(folder)).rejects.toEqual(failure('UNKNOWN_LAYOUT', /IDX files.*CIFAR.*NumPy.*PNG or JPEG/));
    await expect(load(join(folder, 'notes.txt'))).rejects.toEqual(failure('UNKNOWN_LAYOUT', /no NumPy archive/));
    rmSync(join(folder, 'notes.txt'));
    await expect(load(folder)).rejects.toEqual(failure('UNKNOWN_LAYOUT', /no layout/));
    writeFiles(folder, { 'a.npz': '', 'b.npz': '' });
    await expect(load(folder)).rejects.toEqual(failure('SEVERAL_SETS', /a\.npz, b\.npz/));
  });

  test.each([
    ['--transpose', { transpose: true }],
    ['--split', { split: 0.8 }],
    ['--channels', { channels: 3 }],
    ['--labels', { labels: 'coarse' }],
  ] as const)('%s is refused for a set that is known by name', async (option, options) => {
    await expect(load('digits', options)).rejects.toEqual(
      failure('OPTION_OF_OWN_SET', new RegExp(`^${option} `), 'usage'),
    );
  });

  test('--labels is refused where there is one label per image', async () => {
    await expect(load(writeFiles(temporaryFolder(), files), { labels: 'fine' })).rejects.toEqual(
      failure('LABELS_WITHOUT_CHOICE', /one label per image/, 'usage'),
    );
  });
});

describe('--transfer-dir', () => {
  const names = (first: string, second: string) => {
    const pngs = (half: string) => ({
      [`${half}/${first}/1.png`]: greyPng(2, 2, 1),
      [`${half}/${second}/1.png`]: greyPng(2, 2, 2),
    });
    return load(writeFiles(temporaryFolder(), { ...pngs('train'), ...pngs('test') }));
  };
  const numbered = (height: number, ...values: number[]) => {
    const half = (name: string) => ({
      [`${name}-images-idx3-ubyte`]: images(values.length, height, 2),
      [`${name}-labels-idx1-ubyte`]: labels(...values),
    });
    return load(writeFiles(temporaryFolder(), { ...half('train'), ...half('t10k') }));
  };

  test('a set of the same size and classes stands in for another', async () => {
    const source = await names('cat', 'dog');
    expect(() => checkTransferSet(source, source)).not.toThrow();
  });

  test('numbers as names fit any names', async () => {
    const [source, transfer] = [await names('cat', 'dog'), await numbered(2, 1, 0)];
    expect(() => checkTransferSet(source, transfer)).not.toThrow();
    expect(() => checkTransferSet(transfer, source)).not.toThrow();
  });

  test('other sizes, other classes and more classes are refused', async () => {
    const source = await names('cat', 'dog');
    const check = (transfer: Awaited<ReturnType<typeof load>>) => () => checkTransferSet(source, transfer);
    expect(check(await numbered(3, 1, 0))).toThrow(failure('MIXED_SIZES', /3x2x1, those of .* 2x2x1/));
    expect(check(await names('cat', 'emu'))).toThrow(failure('BAD_CLASS_NAMES', /class 1 is emu in .*, and dog in/));
    expect(check(await numbered(2, 1, 0, 2))).toThrow(failure('BAD_CLASS_NAMES', /class 2 is 2 in .*, and not there/));
  });
});

test('damage to any file of any layout is an error with a code, or a set that is consistent in itself', async () => {
  const half = (name: string) => ({
    [`${name}-images-idx3-ubyte`]: images(3),
    [`${name}-labels-idx1-ubyte.gz`]: gzipSync(labels(1, 0, 2)),
  });
  const record = (...own: number[]) => Buffer.concat([Buffer.from(own), new Uint8Array(3072).fill(7)]);
  const pngs = (name: string) => ({
    [`${name}/a/1.png`]: greyPng(3, 2, 1),
    [`${name}/b/1.jpg`]: greyPng(3, 2, 2),
  });
  const arrays = (name: string) => ({
    [`x_${name}.npy`]: npyOf('|u1', [2, 2, 2], new Uint8Array(8)),
    [`y_${name}.npy`]: npyOf('|u1', [2], Uint8Array.of(1, 0)),
  });
  const layouts: Record<string, Uint8Array | string>[] = [
    {
      ...half('emnist-letters-train'),
      ...half('emnist-letters-test'),
      'emnist-letters-mapping.txt': '0 65\n1 66\n2 67',
    },
    {
      'train.bin': Buffer.concat([record(0, 1), record(1, 0)]),
      'test.bin': Buffer.concat([record(0, 1), record(1, 0)]),
    },
    { ...pngs('train'), ...pngs('test') },
    { 'set.npz': zipOf({ ...arrays('train'), ...arrays('test') }), 'classes.txt': 'left\nright' },
  ];
  const folder = temporaryFolder();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...layouts),
      fc.nat(),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(), { freq: 4 }),
      async (layout, which, changes, cut) => {
        rmSync(folder, { recursive: true });
        writeFiles(folder, layout);
        const name = Object.keys(layout)[which % Object.keys(layout).length]!;
        const bytes = Buffer.from(layout[name]!);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        writeFiles(folder, { [name]: cut === null ? bytes : bytes.subarray(0, cut % bytes.length) });
        const result = await load(folder).catch((error: unknown) => error);
        if (result instanceof Error) {
          expect(result).toBeInstanceOf(PriotError);
          return;
        }
        const { train, test: testSet, classNames } = result as Dataset;
        for (const { count, height, width, channels, pixels, labels: own, classes } of [train, testSet]) {
          expect(pixels).toHaveLength(count * height * width * channels);
          expect(own).toHaveLength(count);
          expect(own.every((label) => label < classes)).toBe(true);
          expect(classNames.length).toBeGreaterThanOrEqual(classes);
        }
      },
    ),
    { numRuns: 300 },
  );
});

/** A process of its own, in which loading one of these modules is an error. */
function loadWithout(modules: RegExp, path: string): string {
  const hooks = `export async function resolve(name, context, next) {
    if (${modules}.test(name)) throw new Error(name + ' was loaded');
    return next(name, context);
  }`;
  const script = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    const { loadDataset } = await import(${JSON.stringify(import.meta.resolve('#host/dataset/dataset.js'))});
    const { train } = await loadDataset(${JSON.stringify(path)}, { environment: {} });
    console.log(train.count);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  return stdout + stderr;
}

describe('nothing is loaded that a set does not need', () => {
  const half = (name: string) => ({
    [`${name}-images-idx3-ubyte`]: images(2),
    [`${name}-labels-idx1-ubyte`]: labels(1, 0),
  });
  const pngs = (name: string) => ({ [`${name}/a/1.png`]: greyPng(2, 2, 1), [`${name}/b/1.png`]: greyPng(2, 2, 2) });

  test('IDX files: no decoder of images', () => {
    const folder = writeFiles(temporaryFolder(), { ...half('train'), ...half('t10k') });
    expect(loadWithout(/fast-png|jpeg-js|image-folders|numpy-archive/, folder)).toBe('2\n');
  });

  test('PNG: no decoder of JPEG', () => {
    const folder = writeFiles(temporaryFolder(), { ...pngs('train'), ...pngs('test') });
    expect(loadWithout(/jpeg-js|numpy-archive/, folder)).toBe('2\n');
    expect(loadWithout(/fast-png/, folder)).toContain('fast-png was loaded');
  });
});
