import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Dataset, loadDataset } from '#host/dataset/dataset.js';
import type { ImageSet } from '#host/dataset/image-set.js';
import { imageInputs, ROTATION_VERSION, rotateImage, rotationDifference } from '#host/dataset/rotation.js';
import { hasRealMnist, noRealMnist } from './real-mnist.js';

const image = fc
  .record({
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain((shape) => {
    const length = shape.height * shape.width * shape.channels;
    return fc.record({
      shape: fc.constant(shape),
      pixels: fc.uint8Array({ minLength: length, maxLength: length }),
    });
  });

describe('rotateImage', () => {
  test('0 degrees changes nothing and copies', () => {
    fc.assert(
      fc.property(image, ({ shape: { height, width, channels }, pixels }) => {
        const rotated = rotateImage(pixels, height, width, channels, 0);
        expect(rotated).not.toBe(pixels);
        expect([...rotated]).toEqual([...pixels]);
      }),
    );
  });

  test('90 degrees is a counter-clockwise quarter turn', () => {
    const rotated = rotateImage(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 3, 3, 1, 90);
    expect([...rotated]).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
  });

  test('channels rotate alike', () => {
    fc.assert(
      fc.property(image, fc.integer({ min: -360, max: 360 }), ({ shape: { height, width }, pixels }, angle) => {
        const single = pixels.subarray(0, height * width);
        const triple = Uint8Array.from({ length: 3 * single.length }, (_, i) => single[Math.floor(i / 3)]!);
        const expected = rotateImage(single, height, width, 1, angle);
        const rotated = rotateImage(triple, height, width, 3, angle);
        for (let i = 0; i < rotated.length; i++) expect(rotated[i]).toBe(expected[Math.floor(i / 3)]);
      }),
    );
  });

  test('outside the image is black', () => {
    const rotated = rotateImage(new Uint8Array(49).fill(255), 7, 7, 1, 45);
    expect(rotated[0]).toBe(0);
    expect(rotated[24]).toBe(255);
  });
});

describe('the mathematics library', () => {
  const { cos, sin } = Math;
  const upwards = (value: number) => value + Math.abs(value) * Number.EPSILON;
  const downwards = (value: number) => value - Math.abs(value) * Number.EPSILON;

  test.each([
    ['cos a bit larger', (value: number) => upwards(cos(value)), sin],
    ['cos a bit smaller', (value: number) => downwards(cos(value)), sin],
    ['sin a bit larger', cos, (value: number) => upwards(sin(value))],
    ['sin a bit smaller', cos, (value: number) => downwards(sin(value))],
  ])('%s: the same pixels', async (_what, otherCos, otherSin) => {
    const { test: digits } = await loadDataset('digits');
    const inputs = () =>
      Buffer.concat(
        [30, 45, 60].flatMap((angle) => Array.from({ length: 2000 }, (_, i) => imageInputs(digits, i, angle))),
      );
    const expected = inputs();
    vi.spyOn(Math, 'cos').mockImplementation(otherCos);
    vi.spyOn(Math, 'sin').mockImplementation(otherSin);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    expect(inputs().equals(expected)).toBe(true);
  });
});

test('runs of an older rotation differ, but for turns by right angles', () => {
  expect(rotationDifference(undefined, 45)).toContain('2^-32');
  expect(rotationDifference(1, -30)).toContain('2^-32');
  expect(rotationDifference(undefined, -90)).toBeUndefined();
  expect(rotationDifference(ROTATION_VERSION, 45)).toBeUndefined();
});

test('imageInputs halves pixels to 0..127 and takes the image asked for', () => {
  const set: ImageSet = {
    name: 'two',
    count: 2,
    height: 1,
    width: 2,
    channels: 1,
    classes: 10,
    pixels: Uint8Array.of(0, 1, 254, 255),
    labels: Uint8Array.of(0, 1),
  };
  expect([...imageInputs(set, 0, 0)]).toEqual([0, 0]);
  expect([...imageInputs(set, 1, 0)]).toEqual([127, 127]);
  expect(() => imageInputs(set, 2, 0)).toThrow(RangeError);
});

/** The order of images of an epoch, written out from docs/arithmetic.md ("Random numbers") on its own. */
function firstEpochOrder(seed: number, count: number): number[] {
  const mask = 0xffff_ffffn;
  let state = ((BigInt(seed) * 747796405n + 2891336453n) & mask) ^ 0x5bd1e995n;
  if (state === 0n) state = 1n;
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i >= 1; i--) {
    state ^= (state << 13n) & mask;
    state ^= state >> 17n;
    state ^= (state << 5n) & mask;
    const j = Number((state * BigInt(i + 1)) >> 32n);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

const mnist: Promise<Dataset> | undefined = hasRealMnist ? loadDataset('mnist') : undefined;

describe.skipIf(!hasRealMnist)(`conformance images${hasRealMnist ? '' : ` (${noRealMnist})`}`, () => {
  test.each(['priot-45', 'niti-dynamic-45', 'priot-s10-45'])('%s holds MNIST rotated by 45 degrees', async (name) => {
    const folder = new URL(`../conformance/${name}/`, import.meta.url);
    const expected = readFileSync(new URL('images.bin', folder));
    const { steps } = JSON.parse(readFileSync(new URL('case.json', folder), 'utf8')) as { steps: { label: number }[] };
    const { train } = await mnist!;
    const order = firstEpochOrder(0, 1024);
    steps.forEach(({ label }, step) => {
      const inputs = imageInputs(train, order[step]!, 45);
      expect(train.labels[order[step]!]).toBe(label);
      expect(expected.subarray(step * 784, (step + 1) * 784).equals(inputs)).toBe(true);
    });
    expect(expected).toHaveLength(784 * steps.length);
  });
});
