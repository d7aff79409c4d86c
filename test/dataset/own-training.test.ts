/** Sessions on users' own sets: what they train is what the same images train under a known name. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { type ImageSet, imagePixels } from '#host/dataset/image-set.js';
import { parseShift, shifted } from '#host/dataset/shifts.js';
import { PriotError } from '#host/errors.js';
import { readManifest, runEvents as readRunEvents } from '#host/runs/run-folder.js';
import { evaluate } from '#host/sessions/evaluate.js';
import { train } from '#host/sessions/train.js';
import { npyOf, pngOf, writeFiles, zipOf } from './own-samples.js';
import { encodeIdx } from './samples.js';
import { temporaryFolder } from './temporary-folder.js';

const model = join(import.meta.dirname, '../conformance/priot-45');
const short = { device: 'simulator', model, samples: 64, evalSamples: 50, epochs: 2 } as const;

const whole = await loadDataset('digits');
/** The first images of both halves, which are those that are trained and tested on. */
const first = ({ pixels, labels, ...set }: ImageSet, count: number): ImageSet => ({
  ...set,
  count,
  pixels: pixels.subarray(0, count * 784),
  labels: labels.subarray(0, count),
});
const digits = { train: first(whole.train, 300), test: first(whole.test, 100) };

function idxFolder(): string {
  const half = (name: string, { count, height, width, pixels, labels }: ImageSet) => ({
    [`${name}-images-idx3-ubyte`]: encodeIdx([count, height, width], pixels),
    [`${name}-labels-idx1-ubyte`]: encodeIdx([count], labels),
  });
  return writeFiles(temporaryFolder(), { ...half('train', digits.train), ...half('t10k', digits.test) });
}

test('the same images train the same state, whatever files they come from', async () => {
  const known = await train({ ...short, dataset: 'digits', out: join(temporaryFolder(), 'run') });
  const idx = await train({ ...short, dataset: idxFolder(), out: join(temporaryFolder(), 'run') });
  expect(idx.stateDigest).toBe(known.stateDigest);
  expect(idx.accuracy).toEqual(known.accuracy);

  const array = ({ count, pixels, labels }: ImageSet, suffix: string) => ({
    [`x_${suffix}.npy`]: npyOf('|u1', [count, 28, 28], pixels),
    [`y_${suffix}.npy`]: npyOf('|u1', [count], labels),
  });
  const archive = zipOf({ ...array(digits.train, 'train'), ...array(digits.test, 'test') });
  const folder = writeFiles(temporaryFolder(), { 'digits.npz': archive });
  const numpy = await train({ ...short, dataset: join(folder, 'digits.npz'), out: join(temporaryFolder(), 'run') });
  expect(numpy.stateDigest).toBe(known.stateDigest);
});

test('a folder of images: classes by name in run.json; the run repeats itself, and is evaluated as it was trained', async () => {
  const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
  const half = (set: ImageSet, name: string, count: number) =>
    Array.from({ length: count }, (_, image) => {
      const pixels = imagePixels(set, image);
      const rows = Array.from({ length: 28 }, (_, row) => pixels.subarray(28 * row, 28 * (row + 1)));
      const png = pngOf({ width: 28, height: 28, depth: 8, colourType: 0 }, rows);
      return [`${name}/${set.labels[image]}-${names[set.labels[image]!]}/${image}.png`, png] as const;
    });
  const folder = writeFiles(
    temporaryFolder(),
    Object.fromEntries([...half(digits.train, 'train', 150), ...half(digits.test, 'test', 60)]),
  );
  const out = join(temporaryFolder(), 'run');
  const shift = ['translate:1,-1', 'noise:20'];
  const first = await train({ ...short, dataset: folder, angle: 30, shift, out });
  const { asked, provenance } = readManifest(out);
  expect(asked).toMatchObject({ dataset: folder, angle: 30, shift: 'translate:1,-1+noise:20' });
  expect(provenance.dataset).toMatchObject({ source: `images in ${folder}` });
  expect(provenance.dataset.classNames?.slice(0, 2)).toEqual(['0-zero', '1-one']);
  expect(provenance.dataset.files.map((file) => file.name)).toContain('train/3-three');

  const again = await train({ device: 'simulator', fromRun: out, out: join(temporaryFolder(), 'again') });
  expect(again.stateDigest).toBe(first.stateDigest);
  const evaluated = await evaluate({ run: out, evalSamples: 50 });
  expect(evaluated.accuracy).toBe(first.accuracy.after);
  const upright = await evaluate({ run: out, angle: 0, shift: [], evalSamples: 50 });
  expect(upright.accuracy).not.toBe(first.accuracy.after);

  writeFiles(folder, { 'train/3-three/7.png': readFileSync(join(folder, half(digits.train, 'train', 1)[0]![0])) });
  await expect(train({ device: 'simulator', fromRun: out, out: join(temporaryFolder(), 'x') })).rejects.toMatchObject({
    code: 'DATA_CHANGED',
    message: expect.stringContaining('train/3-three'),
  });
});

test('shifts change what is trained; none is none', async () => {
  const run = (shift?: string[]) =>
    train({ ...short, dataset: 'digits', ...(shift && { shift }), out: join(temporaryFolder(), 'run') });
  const [plain, none, noisy] = [await run(), await run([]), await run(['noise:20'])];
  expect(none.stateDigest).toBe(plain.stateDigest);
  expect(noisy.stateDigest).not.toBe(plain.stateDigest);
});

describe('forgetting', () => {
  test('the summary has the accuracy on unshifted images, before and after', async () => {
    const out = join(temporaryFolder(), 'run');
    const { accuracy } = await train({ ...short, dataset: 'digits', angle: 60, out });
    expect(accuracy.source).toMatchObject({ images: 50 });
    const upright = { dataset: 'digits', angle: 0, evalSamples: 50 };
    expect(accuracy.source?.before).toBe((await evaluate({ device: 'simulator', model, ...upright })).accuracy);
    expect(accuracy.source?.after).toBe((await evaluate({ run: out, ...upright })).accuracy);
    expect([...readRunEvents(out)].filter(({ type }) => type === 'source')).toMatchObject([
      { epoch: -1, images: 50, imageSet: 'digits test, unshifted' },
      { epoch: 1, images: 50 },
    ]);
  });

  test('--eval-source says on how many; 0, and images that are not shifted: not measured', async () => {
    const run = async (options: { angle?: number; shift?: string[]; evalSource?: number }) => {
      const out = join(temporaryFolder(), 'run');
      const { accuracy } = await train({ ...short, epochs: 1, dataset: 'digits', out, ...options });
      return accuracy.source;
    };
    expect(await run({ evalSource: 30 })).toMatchObject({ images: 30 });
    expect(await run({ evalSource: 0 })).toBeNull();
    expect(await run({ angle: 0 })).toBeNull();
    expect(await run({ angle: 0, shift: ['blur:1'] })).toMatchObject({ images: 50 });
    await expect(run({ evalSource: 5000 })).rejects.toMatchObject({
      code: 'TOO_MANY_EVAL_SAMPLES',
      message: expect.stringMatching(/^--eval-source 5000: digits test, unshifted has 2000/),
    });
  });
});

test('--transfer-dir: images that were shifted before train what the same shift trains here', async () => {
  const shifts = ['brightness:-40', 'blur:1'];
  const half = (name: string, set: ImageSet) => {
    const { count, height, width, pixels, labels } = shifted(set, shifts.map(parseShift));
    return {
      [`${name}-images-idx3-ubyte`]: encodeIdx([count, height, width], pixels),
      [`${name}-labels-idx1-ubyte`]: encodeIdx([count], labels),
    };
  };
  const transferDir = writeFiles(temporaryFolder(), { ...half('train', digits.train), ...half('t10k', digits.test) });
  const out = join(temporaryFolder(), 'run');
  const options = { ...short, dataset: 'digits', calibrate: 'source' } as const;
  const ready = await train({ ...options, transferDir, out });
  const here = await train({ ...options, angle: 0, shift: shifts, out: join(temporaryFolder(), 'run') });
  expect(ready.stateDigest).toBe(here.stateDigest);
  expect(ready.accuracy).toEqual(here.accuracy);
  expect(ready.accuracy.source).not.toBeNull();
  const { asked, provenance } = readManifest(out);
  expect(asked).toMatchObject({ dataset: 'digits', transferDir, angle: 0 });
  expect(provenance.transfer).toMatchObject({ source: `IDX files in ${transferDir}` });
  expect((await evaluate({ run: out, evalSamples: 50 })).accuracy).toBe(ready.accuracy.after);
  const again = await train({ device: 'simulator', fromRun: out, out: join(temporaryFolder(), 'again') });
  expect(again.stateDigest).toBe(ready.stateDigest);
});

test('more classes than the network has', async () => {
  const half = (name: string) => ({
    [`${name}-images-idx3-ubyte`]: encodeIdx([26, 28, 28], new Uint8Array(26 * 784)),
    [`${name}-labels-idx1-ubyte`]: encodeIdx(
      [26],
      Uint8Array.from({ length: 26 }, (_, label) => 26 - label),
    ),
  });
  const folder = writeFiles(temporaryFolder(), { ...half('emnist-letters-train'), ...half('emnist-letters-test') });
  const refused = train({ ...short, samples: 8, evalSamples: 8, dataset: folder, out: join(temporaryFolder(), 'run') });
  await expect(refused).rejects.toBeInstanceOf(PriotError);
  await expect(refused).rejects.toMatchObject({
    code: 'IMAGES_DO_NOT_FIT',
    message: expect.stringMatching(/label 25 of image 0 of .* train, which has 26 classes; the network has 10/),
  });
});
