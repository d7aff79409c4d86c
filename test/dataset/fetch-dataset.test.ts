import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { DatasetDescription } from '#host/dataset/description.js';
import { type FetchOptions, fetchDataset } from '#host/dataset/fetch-dataset.js';
import { locateInCache } from '#host/dataset/locate.js';
import { readDataset } from '#host/dataset/read-dataset.js';
import { deserted, type Handler, sendFile, serve } from './file-server.js';
import { cifar10Batch, cifar10Sample, idxSample, sha256, tarOf } from './samples.js';
import { temporaryFolder } from './temporary-folder.js';

const nowhere = await deserted();

function optionsFor(mirror: string, more: Partial<FetchOptions> = {}): FetchOptions {
  const environment = { PRIOT_DATA_MIRROR: mirror };
  return { cacheDir: join(temporaryFolder(), 'cache'), environment, retryDelayMs: 1, ...more };
}

/** Serves each file under its name with `suffix`. */
const publishing =
  (files: Readonly<Record<string, Uint8Array>>): Handler =>
  (request, response) => {
    const bytes = files[(request.url ?? '').slice(1)];
    if (bytes) sendFile(request, response, bytes);
    else response.writeHead(404).end();
  };

const gzipped = (files: Readonly<Record<string, Uint8Array>>) =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]));

function folderWith(files: Readonly<Record<string, Uint8Array>>, subfolder = '.'): string {
  const base = temporaryFolder();
  mkdirSync(join(base, subfolder), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(base, subfolder, name), bytes);
  return base;
}

async function readAgain(description: DatasetDescription, cacheDir: string) {
  const location = locateInCache(description, cacheDir);
  return location && readDataset(description, location);
}

describe('an IDX set', () => {
  test('arrives from a mirror, and is not fetched twice', async () => {
    const { description, files } = idxSample();
    const server = await serve(publishing(gzipped(files)));
    const options = optionsFor(server.url);
    const { changed, contents, location } = await fetchDataset(description, options);
    expect(changed).toBe(true);
    expect(contents.train).toMatchObject({ name: 'mnist train', count: 3, height: 2, width: 3 });
    expect([...contents.train.labels]).toEqual([9, 0, 4]);
    expect([...contents.test.labels]).toEqual([1, 2]);
    expect(contents.files).toEqual(Object.entries(files).map(([name, bytes]) => ({ name, sha256: sha256(bytes) })));
    expect(location).toMatchObject({ origin: 'cache', folder: join(options.cacheDir, 'mnist') });

    expect((await fetchDataset(description, options)).changed).toBe(false);
    expect(server.requests).toHaveLength(4);
  });

  test('only what is missing or damaged in the cache is fetched', async () => {
    const { description, files } = idxSample();
    const server = await serve(publishing(gzipped(files)));
    const options = optionsFor(server.url);
    await fetchDataset(description, options);
    writeFileSync(join(options.cacheDir, 'mnist', 't10k-labels-idx1-ubyte.gz'), gzipSync(Uint8Array.of(1, 2, 3)));
    const again = await fetchDataset(description, options);
    expect(again.changed).toBe(true);
    expect(server.requests.slice(4).map(({ path }) => path)).toEqual(['/t10k-labels-idx1-ubyte.gz']);
    expect([...again.contents.test.labels]).toEqual([1, 2]);
  });

  test('a damaged plain file in the cache does not hide a sound one', async () => {
    const { description, files } = idxSample();
    const server = await serve(publishing(gzipped(files)));
    const options = optionsFor(server.url);
    await fetchDataset(description, options);
    writeFileSync(join(options.cacheDir, 'mnist', 'train-labels-idx1-ubyte'), Uint8Array.of(1, 2, 3));
    const again = await fetchDataset(description, options);
    expect([...again.contents.train.labels]).toEqual([9, 0, 4]);
    expect(server.requests).toHaveLength(4);
  });

  test('wrong bytes on the mirror never get into the cache', async () => {
    const { description, files } = idxSample();
    const wrong = { ...files, 't10k-labels-idx1-ubyte': Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 3) };
    const server = await serve(publishing(gzipped(wrong)));
    const options = optionsFor(server.url);
    await expect(fetchDataset(description, options)).rejects.toMatchObject({
      code: 'WRONG_CHECKSUM',
      message: expect.stringMatching(
        new RegExp(`${sha256(wrong['t10k-labels-idx1-ubyte'])}.*${sha256(files['t10k-labels-idx1-ubyte']!)}`),
      ),
      remedy: expect.stringContaining('--from DIR'),
    });
    expect(readdirSync(join(options.cacheDir, 'mnist'))).not.toContain('t10k-labels-idx1-ubyte.gz');
    expect(await readAgain(description, options.cacheDir)).toBeUndefined();
  });

  test('no network: NO_NETWORK names --from and the built-in digits', async () => {
    const { description } = idxSample();
    await expect(fetchDataset(description, optionsFor(nowhere))).rejects.toMatchObject({
      code: 'NO_NETWORK',
      class: 'data',
      remedy: expect.stringMatching(/priot data fetch mnist --from DIR.*--dataset digits/),
    });
  });

  test('mirrors in $PRIOT_DATA_MIRROR are tried in order', async () => {
    const { description, files } = idxSample();
    const empty = await serve(publishing({}));
    const full = await serve(publishing(gzipped(files)));
    await fetchDataset(description, optionsFor(`${empty.url} ${full.url.slice(0, -1)}`));
    expect(empty.requests).toHaveLength(4);
    expect(full.requests).toHaveLength(4);
  });

  test('a mirror that is no address: BAD_MIRROR', async () => {
    await expect(fetchDataset(idxSample().description, optionsFor('nowhere'))).rejects.toMatchObject({
      code: 'BAD_MIRROR',
    });
  });

  test.each(['.', 'mnist'])(
    '--from takes plain or gzipped files, in the folder itself or below (%s)',
    async (subfolder) => {
      const { description, files } = idxSample();
      const { 'train-images-idx3-ubyte': plain, ...rest } = files;
      const from = folderWith({ 'train-images.idx3-ubyte': plain!, ...gzipped(rest) }, subfolder);
      const options = optionsFor(nowhere, { from });
      const { changed, contents } = await fetchDataset(description, options);
      expect(changed).toBe(true);
      expect(contents.test.count).toBe(2);
      expect((await readAgain(description, options.cacheDir))?.files).toEqual(contents.files);
    },
  );

  test('--from refuses files that are not the published ones and leaves the cache as it was', async () => {
    const { description, files } = idxSample();
    const options = optionsFor(nowhere, { from: folderWith(files) });
    await fetchDataset(description, options);
    const labels = Uint8Array.from(files['train-labels-idx1-ubyte']!);
    labels[8] = 7;
    const from = folderWith({ ...files, 'train-labels-idx1-ubyte': labels });
    await expect(fetchDataset(description, { ...options, from })).rejects.toMatchObject({ code: 'WRONG_CHECKSUM' });
    expect(await readAgain(description, options.cacheDir)).toBeDefined();
  });

  test.each([
    ['an empty folder', {}, 'MISSING_FILES'],
    ['half of the files', { 'train-images-idx3-ubyte': new Uint8Array(1) }, 'MISSING_FILES'],
  ])('--from %s: %o %s', async (_what, files, code) => {
    const options = optionsFor(nowhere, { from: folderWith(files) });
    await expect(fetchDataset(idxSample().description, options)).rejects.toMatchObject({ code, class: 'data' });
    expect(existsSync(options.cacheDir)).toBe(false);
  });

  test('--from a folder that is not there: NO_SUCH_FOLDER', async () => {
    const options = optionsFor(nowhere, { from: join(temporaryFolder(), 'none') });
    await expect(fetchDataset(idxSample().description, options)).rejects.toMatchObject({ code: 'NO_SUCH_FOLDER' });
  });

  test('a cache folder that cannot be made: CACHE_NOT_WRITABLE', async () => {
    const { description, files } = idxSample();
    const file = join(folderWith({ occupied: new Uint8Array(0) }), 'occupied');
    const options = optionsFor(nowhere, { from: folderWith(files), cacheDir: file });
    await expect(fetchDataset(description, options)).rejects.toMatchObject({
      code: 'CACHE_NOT_WRITABLE',
      remedy: expect.stringContaining('--cache'),
    });
  });
});

describe('CIFAR-10', () => {
  const { files } = cifar10Sample();
  const archive = gzipSync(tarOf('cifar-10-batches-bin', { ...files, 'readme.html': Uint8Array.of(60) }));
  const { description } = cifar10Sample(archive);

  test('arrives as an archive, is unpacked, and its SHA-256s are recorded', async () => {
    const server = await serve(publishing({ 'cifar-10-binary.tar.gz': archive }));
    const options = optionsFor(server.url);
    const { contents, location } = await fetchDataset(description, options);
    expect(contents.train).toMatchObject({ count: 4, height: 32, width: 32, channels: 3 });
    expect([...contents.train.labels]).toEqual([3, 9, 0, 1]);
    const expected = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)]));
    expect(JSON.parse(readFileSync(join(location.folder, 'checksums.json'), 'utf8'))).toEqual({
      source: 'cifar-10-binary.tar.gz',
      files: expected,
    });
    expect(readdirSync(options.cacheDir)).toEqual(['cifar-10-batches-bin']);
    expect((await fetchDataset(description, options)).changed).toBe(false);
  });

  test('an archive with another MD5 is refused', async () => {
    const server = await serve(publishing({ 'cifar-10-binary.tar.gz': gzipSync(gunzipSync(archive), { level: 1 }) }));
    const options = optionsFor(server.url);
    await expect(fetchDataset(description, options)).rejects.toMatchObject({
      code: 'WRONG_CHECKSUM',
      message: expect.stringContaining(description.archive.md5),
    });
    expect(readdirSync(options.cacheDir)).toEqual([]);
  });

  test('--from takes the archive', async () => {
    const options = optionsFor(nowhere, { from: folderWith({ 'cifar-10-binary.tar.gz': archive }) });
    expect((await fetchDataset(description, options)).contents.test.count).toBe(2);
  });

  test('--from takes fewer batches; a later fetch asks for them all', async () => {
    const { 'data_batch_1.bin': _left, ...fewer } = files;
    const options = optionsFor(nowhere, { from: folderWith(gzipped(fewer), 'cifar10') });
    const { contents } = await fetchDataset(description, options);
    expect([...contents.train.labels]).toEqual([0, 1]);

    const server = await serve(publishing({ 'cifar-10-binary.tar.gz': archive }));
    const all = await fetchDataset(description, {
      ...options,
      from: undefined,
      environment: { PRIOT_DATA_MIRROR: server.url },
    });
    expect(all.contents.train.count).toBe(4);
  });

  test('what was recorded is checked: a changed pixel in the cache is found', async () => {
    const options = optionsFor(nowhere, { from: folderWith(files) });
    const { location } = await fetchDataset(description, options);
    const damaged = cifar10Batch([3, 9]);
    damaged[100]! ^= 1;
    writeFileSync(join(location.folder, 'data_batch_1.bin'), damaged);
    await expect(readAgain(description, options.cacheDir)).rejects.toMatchObject({ code: 'WRONG_CHECKSUM' });
    writeFileSync(join(location.folder, 'checksums.json'), '{');
    await expect(readAgain(description, options.cacheDir)).rejects.toMatchObject({ code: 'BAD_CHECKSUM_FILE' });
  });
});
