import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planText } from '#host/cli/text/memory-plan.js';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { CapacityError } from '#host/errors.js';
import { Link } from '#host/link/link.js';
import { type MemoryPlan, Tensor } from '#host/link/messages.js';
import { type ConformanceCase, loadCase } from '#host/network/conformance-case.js';
import { bytesOf, putNetwork, readState } from '#host/training/network-on-device.js';
import { exhaustive } from '../extent.js';

const KB = 1024;
const STEPS = 4;
let link: Link;

beforeAll(async () => {
  link = await Link.open(await openEmulator());
});
afterAll(() => link.close());

const caseOf = (name: string) => loadCase(fileURLToPath(new URL(`../conformance/${name}`, import.meta.url)));

/** Some steps of a case under a cap: the plan, SRAM in all, and the learned state after them. */
async function train(training: ConformanceCase, memoryLimitBytes = 0) {
  const { network, method, threshold, scored, stateInitial } = training;
  const settings = { method, threshold, ...(method === 'priot-s' && { scored }) };
  const plan = await putNetwork(link, network, settings, stateInitial, { memoryLimitBytes });
  const sessionId = new Uint8Array(8);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = training.images.slice(0, STEPS).map((image, step) => ({ label: training.steps[step]!.label, image }));
  for await (const _ of link.steps({ sessionId, firstStep: 0 }, frames));
  await checkWeights(training);
  const { staticBytes, stackHighWaterBytes } = await link.request('readStatistics', {});
  return {
    plan,
    sram: staticBytes + plan.requiredBytes + stackHighWaterBytes,
    state: await readState(link, network, settings),
  };
}

/** Wherever the plan put them. */
async function checkWeights({ network }: ConformanceCase): Promise<void> {
  const { data } = await link.request('readTensor', { tensor: Tensor.TENSOR_WEIGHTS, offset: 500, length: 1024 });
  expect(data).toEqual(bytesOf(network.weights.slice(500, 1524)));
}

/** Bytes of the smallest plan, as its refusal names them. */
async function smallestBytes(training: ConformanceCase): Promise<number> {
  const refusal = await train(training, 1).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(CapacityError);
  return Number(/needs ([\d,]+) bytes/.exec((refusal as CapacityError).message)![1]!.replaceAll(',', ''));
}

describe('tiny-cnn on a Pico', () => {
  test('PRIOT: frozen weights go to flash, where they cost next to nothing; 200 KB at most', async () => {
    const { plan, sram } = await train(caseOf('priot-45'));
    expect(plan).toMatchObject({ fastKernels: true, effectiveWeightsKept: true, weightsInFlash: true });
    expect(sram).toBeLessThanOrEqual(200 * KB);
  });

  test('PRIOT with the smallest plan: 130 KB at most', async () => {
    const training = caseOf('priot-45');
    const { plan, sram } = await train(training, await smallestBytes(training));
    expect(plan).toMatchObject({ effectiveWeightsKept: false, weightsInFlash: true });
    expect(sram).toBeLessThanOrEqual(130 * KB);
  });

  test('PRIOT-S with 10 % scored: 90 KB at most', async () => {
    const training = caseOf('priot-s10-45');
    const { plan, sram } = await train(training, await smallestBytes(training));
    expect(plan).toMatchObject({ effectiveWeightsKept: false, weightsInFlash: true });
    expect(sram).toBeLessThanOrEqual(90 * KB);
  });
});

/** The same network under other methods. */
const more = ['priot-negate-45', 'priot-s10-45'];

test.each(['priot-45', 'priot-s-negate-saturated', 'priot-strided', ...(exhaustive ? more : [])])(
  '%s: no cap changes a result, and a smaller one never gives a faster plan',
  async (name) => {
    const training = caseOf(name);
    const free = await train(training);
    const smallest = await smallestBytes(training);
    let last = free.plan;
    for (const cap of (exhaustive ? [0.75, 0.5, 0.25, 0] : [0.5, 0]).map(
      (share) => smallest + share * (free.plan.requiredBytes - smallest),
    )) {
      const { plan, state } = await train(training, Math.floor(cap));
      expect(plan.requiredBytes).toBeLessThanOrEqual(cap);
      expect(plan.estimatedCycles).toBeGreaterThanOrEqual(last.estimatedCycles);
      expect(state).toEqual(free.state);
      last = plan;
    }
    expect(last.requiredBytes).toBe(smallest);
  },
);

describe('the reason', () => {
  const arena = {
    weightsBytes: 52_000,
    stateBytes: 52_000,
    activationBytes: 5000,
    errorBytes: 2000,
    otherBytes: 39_000,
  };
  const chosen = {
    fits: true,
    fastKernels: true,
    effectiveWeightsKept: true,
    weightsInFlash: true,
    cores: 1,
    secondCoreBytes: 0,
    flashBytes: 52_000,
  };
  const sizes = { requiredBytes: 150_000, arenaBytes: 240_000, estimatedCycles: 1_005_000, fastestCycles: 1_000_000 };
  const plan: Omit<MemoryPlan, 'fastestBytes'> = { ...arena, ...chosen, ...sizes };

  test.each([
    [200_000, 'saves 50,000 bytes of SRAM for an estimated 0.5 % more time'],
    [250_000, 'an estimated 0.5 % slower than the fastest plan, which needs 250,000 bytes'],
  ])('a fastest plan of %i bytes', (fastestBytes, reason) => {
    expect(planText({ ...plan, fastestBytes })).toContain(
      `memory plan: fast kernels, effective weights kept, weights in flash; ${reason}\n`,
    );
  });

  test('none slower', () => {
    expect(planText({ ...plan, estimatedCycles: 1_000_000, fastestBytes: 150_000 })).toContain(
      'in flash; the fastest plan\n',
    );
  });
});
