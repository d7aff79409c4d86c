import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { describeDataset } from '#host/dataset/description.js';
import { defaultCacheDir, locateDataset, locateIn } from '#host/dataset/locate.js';
import { readDataset } from '#host/dataset/read-dataset.js';
import { DataError } from '#host/errors.js';
import { deserted, sendFile, serve } from './file-server.js';
import { hasRealMnist, noRealMnist } from './real-mnist.js';
import { idxSample } from './samples.js';
import { temporaryFolder } from './temporary-folder.js';

const { description, files } = idxSample();
const nowhere = await deserted();
const offline = { PRIOT_DATA_MIRROR: nowhere, XDG_CACHE_HOME: '/nonexistent' };

function put(base: string, subfolder: string, contents: Readonly<Record<string, Uint8Array>>): string {
  const folder = join(base, subfolder);
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(folder, name), bytes);
  return folder;
}

describe('the order of places', () => {
  test('a folder that is named has the set; without one, the cache', () => {
    const [dataDir, data, cache] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    const environment = { XDG_CACHE_HOME: cache };
    expect(locateDataset(description, { environment })).toBeUndefined();
    put(cache, 'priot/mnist', files);
    const inCache = { origin: 'cache', folder: join(cache, 'priot/mnist') };
    expect(locateDataset(description, { environment })).toMatchObject(inCache);
    expect(locateDataset(description, { environment: { ...environment, PRIOT_DATA: '' } })).toMatchObject(inCache);
    const both = { dataDir, environment: { ...environment, PRIOT_DATA: data } };
    put(data, 'mnist', files);
    expect(() => locateDataset(description, both)).toThrow(expect.objectContaining({ code: 'DATASET_NOT_FOUND' }));
    put(dataDir, '.', files);
    expect(locateDataset(description, both)).toMatchObject({ origin: '--data-dir', folder: dataDir });
    expect(locateDataset(description, { environment: both.environment })).toMatchObject({
      origin: '$PRIOT_DATA',
      folder: join(data, 'mnist'),
    });
  });

  test.each([
    ['--data-dir', (folder: string) => ({ dataDir: folder, environment: offline })],
    ['$PRIOT_DATA', (folder: string) => ({ environment: { ...offline, PRIOT_DATA: folder } })],
  ])('%s without the set is an error that names the files looked for', async (option, search) => {
    const folder = temporaryFolder();
    await expect(loadDataset('mnist', search(folder))).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      class: 'data',
      message: expect.stringMatching(new RegExp(`^\\${option} ${folder} .*t10k-labels-idx1-ubyte.*MNIST/raw`)),
      remedy: expect.stringContaining(`priot data fetch mnist --cache ${folder}`),
    });
    await expect(loadDataset('mnist', search(join(folder, 'none')))).rejects.toMatchObject({
      code: 'NO_SUCH_FOLDER',
      class: 'data',
      message: expect.stringContaining(option),
    });
  });

  test.each(['mnist', 'MNIST/raw', 'raw', '.'])('%s below a folder that is named is looked into', (subfolder) => {
    const dataDir = temporaryFolder();
    put(dataDir, subfolder, files);
    expect(locateDataset(describeDataset('mnist'), { dataDir })?.folder).toBe(join(dataDir, subfolder));
  });

  test("Python's version of CIFAR-10 is named", () => {
    const dataDir = temporaryFolder();
    put(dataDir, 'cifar-10-batches-py', { data_batch_1: Uint8Array.of(0x80) });
    expect(() => locateDataset(describeDataset('cifar10'), { dataDir })).toThrow(/binary version/);
  });

  test('half a set is named, except in the cache, where a download may have been cut', () => {
    const { 't10k-labels-idx1-ubyte': _left, ...some } = files;
    const base = temporaryFolder();
    put(base, 'mnist', some);
    put(base, 'priot/mnist', some);
    expect(() => locateDataset(description, { dataDir: base, environment: {} })).toThrow(/not t10k-labels-idx1-ubyte/);
    expect(locateDataset(description, { environment: { XDG_CACHE_HOME: base } })).toBeUndefined();
  });

  test('the cache follows XDG_CACHE_HOME', () => {
    expect(defaultCacheDir({ XDG_CACHE_HOME: '/caches' })).toBe(join('/caches', 'priot'));
    if (process.platform === 'linux') expect(defaultCacheDir({ HOME: '/home/a' })).toBe('/home/a/.cache/priot');
  });
});

describe('loadDataset', () => {
  test('without files and network it says so and names the built-in digits', async () => {
    const environment = { ...offline, XDG_CACHE_HOME: temporaryFolder() };
    await expect(loadDataset('mnist', { environment })).rejects.toMatchObject({
      code: 'NO_NETWORK',
      class: 'data',
      remedy: expect.stringContaining('--dataset digits'),
    });
  });

  test('files that are not MNIST are refused with both checksums and a way out', async () => {
    const dataDir = temporaryFolder();
    put(dataDir, 'mnist', files);
    const { sha256 } = describeDataset('mnist').files['train-images-idx3-ubyte'];
    await expect(loadDataset('mnist', { dataDir, environment: offline })).rejects.toMatchObject({
      code: 'WRONG_CHECKSUM',
      message: expect.stringMatching(new RegExp(`${description.files['train-images-idx3-ubyte'].sha256}.*${sha256}`)),
      remedy: expect.stringContaining('priot data fetch mnist'),
    });
  });

  test('a truncated file is called truncated, not of another checksum', async () => {
    const dataDir = temporaryFolder();
    const whole = gzipSync(files['train-images-idx3-ubyte']!);
    const { 'train-images-idx3-ubyte': _whole, ...rest } = files;
    put(dataDir, 'mnist', { ...rest, 'train-images-idx3-ubyte.gz': whole.subarray(0, whole.length - 9) });
    await expect(loadDataset('mnist', { dataDir, environment: offline })).rejects.toMatchObject({ code: 'TRUNCATED' });
  });

  test('an unknown name and an aborted signal end it at once', async () => {
    await expect(loadDataset('imagenet')).rejects.toMatchObject({ code: 'UNKNOWN_DATASET', class: 'usage' });
    const reason = new Error('stopped');
    await expect(loadDataset('digits', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test.skipIf(!hasRealMnist)(`real MNIST${hasRealMnist ? '' : ` (${noRealMnist})`}`, async () => {
    const { train, test: testSet, provenance } = await loadDataset('mnist');
    expect(train).toMatchObject({
      name: 'mnist train',
      count: 60_000,
      height: 28,
      width: 28,
      channels: 1,
      classes: 10,
    });
    expect(testSet.count).toBe(10_000);
    expect([...train.labels.subarray(0, 8)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
    const known = Object.entries(describeDataset('mnist').files).map(([name, { sha256 }]) => ({ name, sha256 }));
    expect(provenance.files).toEqual(known);
  });
});

test.skipIf(!hasRealMnist)(`a download becomes the cache${hasRealMnist ? '' : ` (${noRealMnist})`}`, async () => {
  const served = locateDataset(describeDataset('mnist'), {})!;
  const server = await serve((request, response) => {
    const path = served.paths.get(request.url!.slice(1).replace(/\.gz$/, ''));
    sendFile(request, response, readFileSync(path!));
  });
  const cache = temporaryFolder();
  const fetched = await loadDataset('mnist', { environment: { PRIOT_DATA_MIRROR: server.url, XDG_CACHE_HOME: cache } });
  expect(fetched.provenance.source).toBe(`cache ${join(cache, 'priot', 'mnist')}`);
  expect(server.requests).toHaveLength(4);
  const cached = await loadDataset('mnist', { environment: { ...offline, XDG_CACHE_HOME: cache } });
  expect(cached.provenance).toEqual(fetched.provenance);
});

test('no damage to any byte of any file passes', async () => {
  const base = temporaryFolder();
  const names = Object.keys(files);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.boolean(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom('flip', 'truncate', 'append'),
      async (name, gzip, at, flip, damage) => {
        const bytes = Buffer.from(gzip ? gzipSync(files[name]!) : files[name]!);
        const position = at % bytes.length;
        const damaged = damage === 'append' ? Buffer.concat([bytes, Buffer.of(flip)]) : Buffer.from(bytes);
        if (damage === 'flip') damaged[position]! ^= flip;
        put(base, 'mnist', { ...files, [name]: damage === 'truncate' ? damaged.subarray(0, position) : damaged });
        const location = locateIn(base, description, '--data-dir');
        const result = await readDataset(description, location!).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(DataError);
        else {
          // Only what gzip itself ignores may differ: the data is the published data, bit for bit.
          expect(gzip).toBe(true);
          const published = Object.entries(description.files).map(([file, { sha256 }]) => ({ name: file, sha256 }));
          expect(result).toMatchObject({ files: published });
        }
      },
    ),
    { numRuns: 150 },
  );
});
