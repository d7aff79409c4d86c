/** What the integers cost: the trained fixtures against their own floating point, on real digits. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { importOnnx } from '#host/index.js';
import { hasRealMnist, noRealMnist } from '../dataset/real-mnist.js';
import { temporaryFolder } from '../dataset/temporary-folder.js';

const IMAGES = 1000;
const fixture = (name: string) => join(import.meta.dirname, `fixtures/${name}.onnx`);
const cases = [
  ['lenet5', { scale: 255 }, 0.98, 0.005],
  ['tiny-cnn-batchnorm', { mean: [0.1307], std: [0.3081] }, 0.98, 0.005],
  ['ds-cnn', { scale: 255 }, 0.975, 0.01],
] as const;

test.skipIf(!hasRealMnist).each(cases)(
  `%s keeps its accuracy in integers${hasRealMnist ? '' : `: ${noRealMnist}`}`,
  async (name, normalisation, least, loss) => {
    const out = join(temporaryFolder(), name);
    const { accuracy, deviations } = await importOnnx({
      ...normalisation,
      ...{ file: fixture(name), out, dataset: 'mnist', samples: 256, evalSamples: IMAGES },
    });
    expect(accuracy!.images).toBe(IMAGES);
    expect(accuracy!.float).toBeGreaterThan(least);
    expect(Math.abs(accuracy!.integer - accuracy!.float)).toBeLessThanOrEqual(loss);
    expect(deviations!.map(({ own }) => own)).toEqual(deviations!.map(({ own }) => own).sort((a, b) => b - a));
    expect(deviations![0]!.own).toBeLessThan(0.05);
  },
);

test.skipIf(!hasRealMnist)(
  `pixels fed otherwise than in training are found out${hasRealMnist ? '' : `: ${noRealMnist}`}`,
  async () => {
    const { warnings, accuracy } = await importOnnx({
      ...{ file: fixture('tiny-cnn-batchnorm'), out: join(temporaryFolder(), 'net'), dataset: 'mnist' },
      ...{ mean: [-3], std: [1], samples: 64, evalSamples: 200 },
    });
    expect(accuracy!.float).toBeLessThan(0.95);
    expect(warnings.join()).toContain('--mean 0.1307 --std 0.3081 would fit it better');
  },
);
