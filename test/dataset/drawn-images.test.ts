import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { digestOf, digitsDataset } from '#host/dataset/digits.js';
import { DrawnImages } from '#host/dataset/drawn-images.js';
import { temporaryFolder } from './temporary-folder.js';

const expected = digestOf(digitsDataset().test);

test('digits that were drawn are kept in the cache, and read from there', async () => {
  const cacheDir = temporaryFolder();
  expect(digestOf((await loadDataset('digits', { cacheDir })).test)).toBe(expected);
  const folder = join(cacheDir, 'digits');
  const [file] = readdirSync(folder);
  expect(readdirSync(folder)).toEqual([expected.slice(0, 16)]);
  const kept = readFileSync(join(folder, file!));
  expect(kept.equals(new DrawnImages(folder).read(expected)!)).toBe(true);
  const { test: again } = await loadDataset('digits', { cacheDir });
  expect([digestOf(again), again.count, again.pixels.length]).toEqual([expected, 2000, 2000 * 784]);
});

test('a damaged file is drawn anew and replaced', async () => {
  const cacheDir = temporaryFolder();
  const path = join(cacheDir, 'digits', expected.slice(0, 16));
  mkdirSync(join(cacheDir, 'digits'));
  writeFileSync(path, 'not what it should be');
  expect(digestOf((await loadDataset('digits', { cacheDir })).test)).toBe(expected);
  expect(readFileSync(path)).toHaveLength(2000 * 785);
});

test('a cache that takes no files changes nothing', async () => {
  const cacheDir = join(temporaryFolder(), 'file');
  writeFileSync(cacheDir, '');
  expect(digestOf((await loadDataset('digits', { cacheDir })).test)).toBe(expected);
  expect(readFileSync(cacheDir, 'utf8')).toBe('');
});
