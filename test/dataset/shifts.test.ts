import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { type ImageSet, imagePixels } from '#host/dataset/image-set.js';
import { imageInputs, rotateImage } from '#host/dataset/rotation.js';
import {
  formatShift,
  type ImageShape,
  parseShift,
  type Shift,
  shifted,
  shiftedInputs,
  shiftImage,
  shiftsOf,
} from '#host/dataset/shifts.js';
import { sha256 } from './samples.js';

const image = fc
  .record({
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain((shape) => {
    const length = shape.height * shape.width * shape.channels;
    return fc.record({ shape: fc.constant(shape), pixels: fc.uint8Array({ minLength: length, maxLength: length }) });
  });

const anyShift: fc.Arbitrary<Shift> = fc.oneof(
  fc.record({
    kind: fc.constant('translate' as const),
    right: fc.integer({ min: -12, max: 12 }),
    down: fc.integer({ min: -12, max: 12 }),
  }),
  fc.record({ kind: fc.constant('noise' as const), deviation: fc.nat(255), seed: fc.nat(999_999) }),
  fc.record({ kind: fc.constant('brightness' as const), amount: fc.integer({ min: -255, max: 255 }) }),
  fc.record({ kind: fc.constant('contrast' as const), factor: fc.nat(2048) }),
  fc.record({ kind: fc.constant('blur' as const), radius: fc.nat(16) }),
);

/** The pages' words once more, pixel by pixel, in integers without bounds (docs/datasets.md, "Shifts"). */
function expectedPixel(
  shift: Shift,
  pixels: Uint8Array,
  { height, width, channels }: ImageShape,
  at: { row: number; column: number; channel: number },
): bigint {
  const index = (row: number, column: number) => (row * width + column) * channels + at.channel;
  const inside = (row: number, column: number) => row >= 0 && row < height && column >= 0 && column < width;
  const pixel = BigInt(pixels[index(at.row, at.column)]!);
  const clip = (value: bigint) => (value < 0n ? 0n : value > 255n ? 255n : value);
  const floorDivide = (a: bigint, b: bigint) => (a >= 0n ? a / b : -((-a + b - 1n) / b));
  switch (shift.kind) {
    case 'rotate':
      throw new Error('has its own tests');
    case 'translate': {
      const [row, column] = [at.row - shift.down, at.column - shift.right];
      return inside(row, column) ? BigInt(pixels[index(row, column)]!) : 0n;
    }
    case 'brightness':
      return clip(pixel + BigInt(shift.amount));
    case 'contrast':
      return clip(128n + floorDivide((pixel - 128n) * BigInt(shift.factor) + 128n, 256n));
    case 'blur': {
      let sum = 0n;
      const near = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
      for (let dy = -shift.radius; dy <= shift.radius; dy++) {
        for (let dx = -shift.radius; dx <= shift.radius; dx++) {
          sum += BigInt(pixels[index(near(at.row + dy, height), near(at.column + dx, width))]!);
        }
      }
      const area = BigInt(2 * shift.radius + 1) ** 2n;
      return (2n * sum + area) / (2n * area);
    }
    case 'noise': {
      const mask = 0xffff_ffffn;
      let hash = 2166136261n;
      for (const byte of pixels) hash = ((hash ^ BigInt(byte)) * 16777619n) & mask;
      let state = ((BigInt(shift.seed) * 747796405n + 2891336453n) & mask) ^ hash;
      if (state === 0n) state = 1n;
      for (let draw = 0; draw <= index(at.row, at.column); draw++) {
        state ^= (state << 13n) & mask;
        state ^= state >> 17n;
        state ^= (state << 5n) & mask;
      }
      const bytes = [0n, 8n, 16n, 24n].map((shiftBits) => (state >> shiftBits) & 255n);
      const z = bytes.reduce((total, byte) => total + byte, 0n) - 510n;
      return clip(pixel + floorDivide(z * BigInt(shift.deviation) * 443n + 32768n, 65536n));
    }
  }
}

test('each shift is what its page says, pixel by pixel', () => {
  fc.assert(
    fc.property(image, anyShift, ({ shape, pixels }, shift) => {
      const result = shiftImage(pixels, shape, [shift]);
      const expected: number[] = [];
      for (let row = 0; row < shape.height; row++) {
        for (let column = 0; column < shape.width; column++) {
          for (let channel = 0; channel < shape.channels; channel++) {
            expected.push(Number(expectedPixel(shift, pixels, shape, { row, column, channel })));
          }
        }
      }
      expect([...result]).toEqual(expected);
    }),
    { numRuns: 400 },
  );
});

describe('worked examples', () => {
  const shape = { height: 2, width: 3, channels: 1 };
  const pixels = Uint8Array.of(10, 20, 30, 100, 200, 250);
  test.each([
    ['translate:1,0', [0, 10, 20, 0, 100, 200]],
    ['translate:-1,1', [0, 0, 0, 20, 30, 0]],
    ['translate:0,-1', [100, 200, 250, 0, 0, 0]],
    ['translate:3,0', [0, 0, 0, 0, 0, 0]],
    ['brightness:-40', [0, 0, 0, 60, 160, 210]],
    ['brightness:60', [70, 80, 90, 160, 255, 255]],
    // 0.6 is 154/256: 128 + ((-118 * 154 + 128) >> 8) = 57
    ['contrast:0.6', [57, 63, 69, 111, 171, 201]],
    ['contrast:2', [0, 0, 0, 72, 255, 255]],
    ['contrast:0', [128, 128, 128, 128, 128, 128]],
    // the first: (4 * 10 + 2 * 20 + 2 * 100 + 200) / 9, the nearest pixels standing for those outside
    ['blur:1', [53, 74, 96, 93, 129, 164]],
    ['blur:0', [10, 20, 30, 100, 200, 250]],
    ['noise:0', [10, 20, 30, 100, 200, 250]],
  ])('%s', (text, expected) => {
    expect([...shiftImage(pixels, shape, [parseShift(text)])]).toEqual(expected);
  });
});

test('noise has the deviation asked for, and none on average', () => {
  const shape = { height: 100, width: 100, channels: 1 };
  const pixels = new Uint8Array(10_000).fill(128);
  for (const deviation of [5, 20, 30]) {
    const added = [...shiftImage(pixels, shape, [{ kind: 'noise', deviation, seed: 3 }])].map((value) => value - 128);
    const mean = added.reduce((sum, value) => sum + value, 0) / added.length;
    const square = added.reduce((sum, value) => sum + (value - mean) ** 2, 0) / added.length;
    // Five standard errors of 10,000 draws: 5 / sqrt(10000) and 5 / sqrt(20000) of the deviation.
    expect(Math.abs(mean)).toBeLessThan(deviation * 0.05);
    expect(Math.abs(Math.sqrt(square) / deviation - 1)).toBeLessThan(0.036);
  }
});

test('noise differs from image to image and from seed to seed, and does not depend on the place in the set', async () => {
  const { test: digits } = await loadDataset('digits');
  const noise = (seed: number): Shift[] => [{ kind: 'noise', deviation: 20, seed }];
  const size = 28 * 28;
  const later: ImageSet = {
    ...digits,
    count: 1,
    pixels: digits.pixels.subarray(7 * size, 8 * size),
    labels: digits.labels.subarray(7, 8),
  };
  const inPlace = shiftedInputs(digits, 7, noise(0));
  expect(shiftedInputs(later, 0, noise(0))).toEqual(inPlace);
  expect(shiftedInputs(digits, 7, noise(1))).not.toEqual(inPlace);
  const added = (index: number) =>
    shiftImage(imagePixels(digits, index), digits, noise(0)).map((value, i) => value - imagePixels(digits, index)[i]!);
  expect(added(1)).not.toEqual(added(2));
});

test('shifts are applied in order, the rotation of --angle first', () => {
  fc.assert(
    fc.property(
      image,
      fc.array(anyShift, { maxLength: 3 }),
      fc.integer({ min: -90, max: 90 }),
      (given, others, angle) => {
        const { shape, pixels } = given;
        const all = shiftsOf(angle, others);
        let expected = angle === 0 ? pixels : rotateImage(pixels, shape.height, shape.width, shape.channels, angle);
        for (const shift of others) expected = shiftImage(expected, shape, [shift]);
        expect([...shiftImage(pixels, shape, all)]).toEqual([...expected]);
      },
    ),
  );
});

test('a whole set: pure, named by its shifts, and the inputs of the network are halves', async () => {
  const { test: digits } = await loadDataset('digits');
  const few: ImageSet = { ...digits, count: 20, pixels: digits.pixels.subarray(0, 20 * 784) };
  const before = sha256(few.pixels);
  const shifts = shiftsOf(30, ['translate:2,-1', 'contrast:0.6', 'noise:20', 'blur:1'].map(parseShift));
  const result = shifted(few, shifts);
  expect(sha256(few.pixels)).toBe(before);
  expect(result).toMatchObject({
    name: 'digits test, rotate:30, translate:2,-1, contrast:0.6, noise:20, blur:1',
    count: 20,
    labels: few.labels,
  });
  expect([...shiftedInputs(few, 3, shifts)]).toEqual([...imagePixels(result, 3)].map((value) => value >> 1));
  expect(shiftedInputs(few, 3, shiftsOf(45))).toEqual(imageInputs(few, 3, 45));
  // Computed by an independent implementation of the page, in another language.
  expect(sha256(result.pixels)).toBe('f2ebe88b6ba6c4bce330f346adaf29f7f69eccf322cbfb67ea4e6e02269bc774');
});

describe('as words', () => {
  test('what is written is read again', () => {
    fc.assert(
      fc.property(anyShift, (shift) => {
        expect(parseShift(formatShift(shift))).toEqual(shift);
      }),
    );
  });

  test.each([
    ['translate:2,-1', { kind: 'translate', right: 2, down: -1 }],
    ['noise:20', { kind: 'noise', deviation: 20, seed: 0 }],
    ['noise:20,7', { kind: 'noise', deviation: 20, seed: 7 }],
    ['brightness:-40', { kind: 'brightness', amount: -40 }],
    ['contrast:0.6', { kind: 'contrast', factor: 154 }],
    ['contrast:.5', { kind: 'contrast', factor: 128 }],
    ['blur:1', { kind: 'blur', radius: 1 }],
  ])('%s', (text, shift) => {
    expect(parseShift(text)).toEqual(shift);
  });

  test.each([
    ['', /^there is no shift ""/, /translate:RIGHT,DOWN.*blur:RADIUS/],
    ['rotate:30', /^there is no shift "rotate:30"/, /brightness/],
    ['translate:2', /^"translate:2" is no translate/, /^write it as translate:RIGHT,DOWN/],
    ['translate:0.5,1', /is no translate/, /whole pixels/],
    ['translate:2000,0', /is no translate/, /-1023\.\.1023/],
    ['noise:-1', /is no noise/, /0\.\.255/],
    ['noise:256', /is no noise/, /0\.\.255/],
    ['noise', /is no noise/, /noise:DEVIATION/],
    ['brightness:1e2', /is no brightness/, /-255\.\.255/],
    ['contrast:9', /is no contrast/, /0\.\.8/],
    ['contrast:.', /is no contrast/, /0\.\.8/],
    ['blur:17', /is no blur/, /0\.\.16/],
    ['blur:1:2', /is no blur/, /blur:RADIUS/],
  ])('%s is wrong usage, with the right way to write it', (text, message, remedy) => {
    expect(() => parseShift(text)).toThrow(
      expect.objectContaining({
        code: 'BAD_SHIFT',
        class: 'usage',
        message: expect.stringMatching(message),
        remedy: expect.stringMatching(remedy),
      }),
    );
  });
});
