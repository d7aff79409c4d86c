/**
 * PRIOT-S with the weights of convolutions in flash alone: rows of them are read as they are needed, and patched by the
 * scored edges. Whatever the network, the integers are those of the reference, which knows nothing of memory.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { PlanDoesNotFitError } from '#host/link/failures.js';
import { Link } from '#host/link/link.js';
import type { MemoryPlan } from '#host/link/messages.js';
import type { Network, NetworkLayer } from '#host/network/network.js';
import { edgeCount } from '#host/network/network-shape.js';
import { type KernelName, type MethodSettings, openNetworkRequest } from '#host/network/open-network.js';
import { Xorshift32 } from '#host/random.js';
import { readState } from '#host/training/network-on-device.js';
import { howMany } from '../extent.js';
import { type RandomTraining, randomTraining, wideTraining } from './random-network.js';
import { Reference } from './reference.js';
import { trainOn } from './train.js';

const STEPS = 3;
/** Networks of either kind. */
const COUNT = howMany(25, 10);
const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed + 1000);

let link: Link;
beforeAll(async () => {
  link = await Link.open(await openEmulator());
});
afterAll(() => link.close());

const settingsOf = ({ scored }: RandomTraining): MethodSettings => ({ method: 'priot-s', threshold: -32, scored });

/** The plan under a limit; where nothing fits, the smallest there is. */
async function planOf(training: RandomTraining, kernels: KernelName, memoryLimitBytes: number): Promise<MemoryPlan> {
  const request = openNetworkRequest(training.network, settingsOf(training), { kernels, memoryLimitBytes });
  try {
    return await link.request('openNetwork', request);
  } catch (error) {
    if (error instanceof PlanDoesNotFitError) return error.plan;
    throw error;
  }
}

/** The plan with fast kernels that streams all convolutions, if the planner ever chooses it. */
async function fastStreamedPlan(training: RandomTraining): Promise<MemoryPlan | undefined> {
  for (let limit = 0; ; ) {
    const plan = await planOf(training, 'fastest', limit);
    if (!plan.fits) return undefined;
    if (plan.fastKernels && streams(plan, training.network)) return plan;
    limit = plan.requiredBytes - 1;
  }
}

function streams({ flashBytes }: MemoryPlan, { layers }: Network): boolean {
  const streamed = layers.filter((layer) => layer.op === 'conv2d' && !layer.depthwise);
  return flashBytes > 0 && flashBytes >= streamed.reduce((sum, { edges }) => sum + edges, 0);
}

/** Trains under a limit, and expects what the reference makes. */
async function expectReference(training: RandomTraining, kernels: KernelName, memoryLimitBytes: number): Promise<void> {
  const { network, scored } = training;
  const settings = settingsOf(training);
  const start = training.state.map((score, edge) => (scored[edge] === 0 ? 127 : score));
  const reference = new Reference(network, settings, start.slice());
  const expected = training.images.map((image, step) => reference.step(image, step % reference.classes));
  const outcomes = await trainOn(link, network, settings, start, training.images, { kernels, memoryLimitBytes });
  expect(outcomes).toEqual(expected);
  expect(await readState(link, network, settings)).toEqual(reference.state);
}

describe('plain kernels, the smallest plan', () => {
  it.each(seeds(COUNT))('network %i', async (seed) => {
    const training = randomTraining(seed, STEPS);
    const plan = await planOf(training, 'plain', 1);
    expect(streams(plan, training.network) || !training.network.layers.some(({ op }) => op === 'conv2d')).toBe(true);
    await expectReference(training, 'plain', plan.requiredBytes);
  });
});

describe('fast kernels', () => {
  let streamed = 0;
  it.each(seeds(COUNT))('network %i', async (seed) => {
    const training = wideTraining(seed, STEPS);
    const plan = await fastStreamedPlan(training);
    if (plan === undefined) return;
    streamed += 1;
    await expectReference(training, 'fastest', plan.requiredBytes);
  });

  it('are chosen for most of these networks', () => {
    expect(streamed).toBeGreaterThan(0.6 * COUNT);
  });
});

/**
 * Two rows of two taps and two channels, whose weights are all as large: patches of one value make a kernel row's sum as
 * large as Cauchy and Schwarz allow. 8 * 91 * 45 = 32,760 has room in 16 bits, 8 * 91 * 46 not; of one row, 4 * 91 * 90
 * and 4 * 91 * 91.
 */
function bordering(patches: readonly number[], seed: number): RandomTraining {
  const sides = 12;
  const random = new Xorshift32(seed);
  const conv = {
    op: 'conv2d',
    depthwise: false,
    stride: [1, 1],
    padding: [1, 1, 1, 1],
    pool: true,
    relu: true,
  } as const;
  const common = { weightExponent: -9, belowThreshold: 'zero' } as const;
  const shifts = { activation: 9, score: 12, gradient: 6 };
  const layers: NetworkLayer[] = [
    {
      ...common,
      ...conv,
      name: 'conv1',
      inShape: [sides, sides, 2],
      outChannels: 48,
      kernel: [2, 2],
      edges: 384,
      shifts,
    },
    {
      ...common,
      ...conv,
      name: 'conv2', // has most of the edges, so that a plan's bytes in flash say whether convolutions are there
      inShape: [6, 6, 48],
      outChannels: 64,
      kernel: [3, 3],
      edges: 27_648,
      shifts: { ...shifts, error: 8 },
    },
    {
      ...common,
      name: 'fc',
      op: 'linear',
      inFeatures: 576,
      outFeatures: 2,
      relu: false,
      edges: 1152,
      shifts: { ...shifts, error: 4 },
    },
  ];
  const weights = new Int8Array(edgeCount({ layers }));
  for (let edge = 0; edge < weights.length; edge++) weights[edge] = edge < 384 ? 91 : (random.next() % 255) - 127;
  // outputs of either sign, and some that are no sums of one sign
  for (let edge = 8; edge < 384; edge++) {
    const output = Math.floor(edge / 8);
    if (output % 4 === 1 || (output % 4 === 3 && random.next() % 2 === 0)) weights[edge] = -91;
  }
  const image = new Uint8Array(sides * sides * 2);
  for (let y = 0; y < sides; y += 4) {
    for (let x = 0; x < sides; x += 4) {
      const value = patches[random.next() % patches.length]!;
      for (let i = 0; i < 32; i++) image[((y + (i >> 3)) * sides + x + ((i >> 1) & 3)) * 2 + (i & 1)] = value;
    }
  }
  return {
    network: { inputExponent: -7, lossShift: 2, layers, weights },
    state: weights.map(() => (random.next() % 100) - 60),
    scored: Uint8Array.from(weights, () => (random.next() % 10 === 0 ? 1 : 0)),
    images: [image, image.toReversed()],
  };
}

describe('at the very bound of a kernel row, and of two', () => {
  it.each([
    ['patches among zeros', [0, 0, 0, 44, 45, 46, 90, 91, 127]],
    ['what is left of the mean', [18, 108, 109, 18]],
  ])('%s', async (_, patches) => {
    const training = bordering(patches, 7);
    const plan = await fastStreamedPlan(training);
    expect(plan).toBeDefined();
    await expectReference(training, 'fastest', plan!.requiredBytes);
  });
});

it('the networks are of the kind: convolutions with scores for some edges, none and all', () => {
  const trainings = seeds(25).map((seed) => wideTraining(seed, 0));
  const share = ({ network, scored }: RandomTraining) =>
    scored.reduce((sum, flag) => sum + flag, 0) / edgeCount(network);
  expect(trainings.some((training) => share(training) > 0 && share(training) < 0.3)).toBe(true);
  expect(trainings.some((training) => share(training) > 0.5)).toBe(true);
});
