import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { digestOf, generateDigits } from '#host/dataset/digits.js';
import { glyphs } from '#host/dataset/glyphs.js';
import { imagePixels } from '#host/dataset/image-set.js';

const TEST_IMAGES = 16_777_216;

describe('digits', () => {
  test('the first hundred images are the same everywhere', () => {
    expect(digestOf(generateDigits('digits', 0, 100))).toBe(
      '2d8cd084c5c4a9809147b5ed09587391ab1ff5bbf77973f1908f584240d021ae',
    );
    expect(digestOf(generateDigits('digits', TEST_IMAGES, 100))).toBe(
      'c9d59bf8482ff9a7729210f6bbec7099a58d742b6983634dd4f8abec70734b30',
    );
  });

  test('an image depends on its id alone', () => {
    const several = generateDigits('digits', 40, 10);
    const alone = generateDigits('digits', 47, 1);
    expect(alone.labels[0]).toBe(several.labels[7]);
    expect([...alone.pixels]).toEqual([...imagePixels(several, 7)]);
  });

  test('the data set matches its recorded checksums', async () => {
    const { train, test: testSet, provenance } = await loadDataset('digits', { environment: {} });
    expect(train).toMatchObject({
      name: 'digits train',
      count: 10_000,
      height: 28,
      width: 28,
      channels: 1,
      classes: 10,
    });
    expect(testSet).toMatchObject({ name: 'digits test', count: 2_000 });
    expect(provenance.source).toBe('generated');
    expect(provenance.files).toEqual([
      { name: 'train', sha256: digestOf(train) },
      { name: 'test', sha256: digestOf(testSet) },
    ]);
  });

  test('no image occurs twice, in neither half', async () => {
    const { train, test: testSet } = await loadDataset('digits', { environment: {} });
    const seen = new Set<string>();
    for (const set of [train, testSet]) {
      for (let i = 0; i < set.count; i++) seen.add(Buffer.from(imagePixels(set, i)).toString('latin1'));
    }
    expect(seen.size).toBe(12_000);
  });

  test('all classes are about equally frequent', () => {
    const { labels } = generateDigits('digits', TEST_IMAGES, 2_000);
    const frequencies = new Array<number>(10).fill(0);
    for (const label of labels) frequencies[label]!++;
    expect(Math.min(...frequencies)).toBeGreaterThan(150);
    expect(Math.max(...frequencies)).toBeLessThan(250);
  });

  test('laid out like MNIST: black border, white strokes, the mass in the middle', () => {
    const set = generateDigits('digits', 0, 500);
    let [allX, allY] = [0, 0];
    for (let i = 0; i < set.count; i++) {
      const pixels = imagePixels(set, i);
      let [mass, x, y] = [0, 0, 0];
      pixels.forEach((value, at) => {
        mass += value;
        x += value * (at % 28);
        y += value * Math.floor(at / 28);
      });
      expect(Math.max(...pixels)).toBeGreaterThan(200);
      expect(pixels[0]).toBe(0);
      expect(mass / 784).toBeGreaterThan(5);
      expect(mass / 784).toBeLessThan(90);
      expect(Math.abs(x / mass - 14)).toBeLessThan(2);
      expect(Math.abs(y / mass - 14)).toBeLessThan(2);
      allX += x / mass / set.count;
      allY += y / mass / set.count;
    }
    expect(allX).toBeCloseTo(14, 0);
    expect(allY).toBeCloseTo(14, 0);
  });

  test('the ways of writing a digit add up, and their strokes use existing points', () => {
    expect(glyphs).toHaveLength(10);
    for (const ways of glyphs) {
      expect(ways.reduce((sum, glyph) => sum + glyph.weight, 0)).toBeCloseTo(1, 9);
      for (const { points, strokes } of ways) {
        expect(new Set(strokes.flat())).toEqual(new Set(points.keys()));
      }
    }
  });
});

test('a network that was trained on MNIST reads them: upright above 0.95, turned clearly worse', () => {
  const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
  const accuracy = (angle: string) => {
    const options = ['--device', 'simulator', '--model', path('test/conformance/priot-45'), '--dataset', 'digits'];
    const words = [path('dist/host/cli/main.js'), 'eval', ...options, '--angle', angle, '--json'];
    const output = execFileSync(process.execPath, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return JSON.parse(output) as { images: number; accuracy: number };
  };
  const upright = accuracy('0');
  expect(upright.images).toBe(2_000);
  expect(upright.accuracy).toBeGreaterThan(0.95);
  // As with MNIST (0.59): there is something to learn.
  expect(accuracy('45').accuracy).toBeLessThan(0.8);
});
