/**
 * PRIOT-S with the weights of convolutions in flash alone: rows of them are read as they are needed, and patched by the
 * scored edges. Whatever the network, the integers are those of the reference, which knows nothing of memory.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { PlanDoesNotFitError } from '#host/link/failures.js';
import { Link } from '#host/link/link.js';
import type { MemoryPlan } from '#host/link/messages.js';
import { edgeCount } from '#host/network/network-shape.js';
import { type KernelName, type MethodSettings, openNetworkRequest } from '#host/network/open-network.js';
import { readState } from '#host/training/network-on-device.js';
import { type RandomTraining, randomTraining } from './random-network.js';
import { Reference } from './reference.js';
import { trainOn } from './train.js';

const STEPS = 3;
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed + 1000);

let link: Link;
beforeAll(async () => {
  link = await Link.open(await openEmulator());
});
afterAll(() => link.close());

const settingsOf = ({ scored }: RandomTraining): MethodSettings => ({ method: 'priot-s', threshold: -32, scored });

/** The smallest plan of all: it is told where nothing fits. */
async function smallestPlan(
  training: RandomTraining,
  settings: MethodSettings,
  kernels: KernelName,
): Promise<MemoryPlan> {
  const request = openNetworkRequest(training.network, settings, { kernels, memoryLimitBytes: 1 });
  const refusal = await link.request('openNetwork', request).catch((error: unknown) => error);
  if (!(refusal instanceof PlanDoesNotFitError)) throw refusal;
  return refusal.plan;
}

describe.each(['plain', 'fastest'] as const)('%s kernels', (kernels) => {
  it.each(SEEDS)('network %i', async (seed) => {
    const training = randomTraining(seed, STEPS);
    const settings = settingsOf(training);
    const { network, scored } = training;
    const start = training.state.map((score, edge) => (scored[edge] === 0 ? 127 : score));
    const reference = new Reference(network, settings, start.slice());
    const expected = training.images.map((image, step) => reference.step(image, step % reference.classes));
    const { requiredBytes: memoryLimitBytes, flashBytes } = await smallestPlan(training, settings, kernels);
    const outcomes = await trainOn(link, network, settings, start, training.images, { kernels, memoryLimitBytes });
    expect(outcomes).toEqual(expected);
    expect(await readState(link, network, settings)).toEqual(reference.state);
    const streamed = network.layers.filter((layer) => layer.op === 'conv2d' && !layer.depthwise);
    expect(flashBytes).toBeGreaterThanOrEqual(streamed.reduce((sum, { edges }) => sum + edges, 0));
  });
});

it('the networks are of the kind: convolutions with scores for some edges, none and all', () => {
  const trainings = SEEDS.map((seed) => randomTraining(seed, 0));
  const convolutions = trainings.flatMap(({ network }) => network.layers.filter((layer) => layer.op === 'conv2d'));
  expect(convolutions.filter(({ depthwise }) => !depthwise).length).toBeGreaterThan(20);
  const shares = trainings.map(
    ({ network, scored }) => scored.filter((flag) => flag === 1).length / edgeCount(network),
  );
  expect(shares.some((share) => share > 0 && share < 0.3)).toBe(true);
});
