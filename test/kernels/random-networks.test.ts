/**
 * Random networks of all that the arithmetic allows: every kernel set, in every place, makes the integers that the
 * reference makes, which knows no kernels at all. Every other one trains on two cores; the simulator, which has one,
 * divides the work at random places.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import type { Network } from '#host/network/network.js';
import type { KernelName, MethodSettings } from '#host/network/open-network.js';
import { howMany } from '../extent.js';
import { allMethods, type RandomTraining, randomTraining, startOf } from './random-network.js';
import { Reference, type ReferenceResult } from './reference.js';
import { trainOn } from './train.js';

const STEPS = 3;

function referenceOf(training: RandomTraining, settings: MethodSettings): ReferenceResult[] {
  const reference = new Reference(training.network, settings, startOf(training, settings));
  const classes = reference.classes;
  return training.images.map((image, step) => reference.step(image, step % classes));
}

function describeLayers({ layers }: Network): string {
  return layers.map(({ op, biasExponent }) => op + (biasExponent === undefined ? '' : '+bias')).join(', ');
}

describe.each([
  ['simulator', openSimulator, ['plain', 'dense', 'fastest'], howMany(120, 40)],
  ['emulator', openEmulator, ['plain', 'fastest'], howMany(16, 6)],
] as const)('%s', (_, open, kernelNames, seeds) => {
  let link: Link;
  beforeAll(async () => {
    link = await Link.open(await open());
  });
  afterAll(() => link.close());

  it.each(Array.from({ length: seeds }, (_, seed) => seed + 1))('network %i', async (seed) => {
    const training = randomTraining(seed, STEPS);
    for (const settings of allMethods(training, seed)) {
      const expected = referenceOf(training, settings);
      for (const kernels of kernelNames as readonly KernelName[]) {
        const start = startOf(training, settings);
        const options = { kernels, cores: 1 + (seed % 2) };
        const outcomes = await trainOn(link, training.network, settings, start, training.images, options);
        const what = `${settings.method}, ${kernels}, cores ${options.cores}: ${describeLayers(training.network)}`;
        expect(outcomes, what).toEqual(expected);
      }
    }
  });
});

it('the networks have all that there is', () => {
  const layers = Array.from({ length: 40 }, (_, seed) => randomTraining(seed + 1, 0).network.layers).flat();
  const convolutions = layers.filter((layer) => layer.op === 'conv2d');
  const share = (count: number, all: readonly unknown[]) => count / all.length;
  expect(share(convolutions.filter(({ depthwise }) => depthwise).length, convolutions)).toBeGreaterThan(0.1);
  expect(share(convolutions.filter(({ pool }) => pool).length, convolutions)).toBeGreaterThan(0.2);
  expect(share(layers.filter(({ biasExponent }) => biasExponent !== undefined).length, layers)).toBeGreaterThan(0.3);
  expect(layers.filter(({ op }) => op === 'sum_pool').length).toBeGreaterThan(3);
  const paddedBeyond = convolutions.filter(({ padding, kernel }) => padding[0] >= kernel[0] || padding[1] >= kernel[1]);
  expect(paddedBeyond.length).toBeGreaterThan(0);
});

it('the networks learn: most steps have a loss, and change what was learned', () => {
  const steps = Array.from({ length: 30 }, (_, seed) => randomTraining(seed + 1, STEPS)).map((training, seed) => {
    const settings = allMethods(training, seed)[seed % 4]!;
    const start = startOf(training, settings);
    const reference = new Reference(training.network, settings, start.slice());
    const active = training.images.filter((image, step) => !reference.step(image, step % reference.classes).lossZero);
    return { active: active.length, changed: reference.state.filter((value, edge) => value !== start[edge]).length };
  });
  expect(steps.reduce((sum, { active }) => sum + active, 0)).toBeGreaterThan(0.5 * 30 * STEPS);
  expect(steps.filter(({ changed }) => changed > 0).length).toBeGreaterThan(15);
});
