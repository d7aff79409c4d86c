import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { Link } from '#host/link/link.js';
import type { StepResult } from '#host/link/messages.js';
import { loadCase } from '#host/network/conformance-case.js';
import type { KernelName } from '#host/network/open-network.js';
import { putNetwork } from '#host/training/network-on-device.js';

/** SysTick has 24 bits. */
const WRAP_CYCLES = 2 ** 24;
const CYCLES_PER_MS = 125_000;
/** Interrupts are booked to the step after the one they interrupt: at both ends some frames count on the other side. */
const BOOKING_CYCLES = 500_000;

const training = loadCase(fileURLToPath(new URL('../conformance/priot-45', import.meta.url)));
const sessionId = new Uint8Array(8);
let link: Link;

beforeAll(async () => {
  link = await Link.open(await openEmulator());
});
afterAll(() => link.close());

async function begin(kernels: KernelName): Promise<void> {
  const { network, method, threshold, stateInitial } = training;
  await putNetwork(link, network, { method, threshold }, stateInitial, { kernels });
  await link.request('startSession', { sessionId, nextStep: 0 });
}

/** Steps first..first+count-1 of the case, and the device's time when each result came. */
async function train(firstStep: number, count: number): Promise<{ result: StepResult; nowMs: number }[]> {
  const frames = Array.from({ length: count }, (_, at) => {
    const step = (firstStep + at) % training.steps.length;
    return { label: training.steps[step]!.label, image: training.images[step]!, ledger: true };
  });
  const timed: { result: StepResult; nowMs: number }[] = [];
  for await (const result of link.steps({ sessionId, firstStep }, frames)) {
    timed.push({ result, nowMs: link.device.clock.nowMs() });
  }
  return timed;
}

const allCycles = ({ cycles, wireCycles, idleCycles }: StepResult) => cycles + wireCycles + idleCycles;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

test('SysTick wraps several times, and no cycle is lost; the phases add up to the step', async () => {
  await begin('dense');
  const timed = await train(0, 8);
  const results = timed.map(({ result }) => result);
  for (const { cycles, phaseCycles } of results) expect(Math.abs(sum(phaseCycles) - cycles)).toBeLessThan(1000);
  const elapsed = (timed.at(-1)!.nowMs - timed[0]!.nowMs) * CYCLES_PER_MS;
  expect(elapsed).toBeGreaterThan(2 * WRAP_CYCLES);
  // one wrap that is missed or counted twice is over thirty times the difference allowed
  expect(Math.abs(sum(results.slice(1).map(allCycles)) - elapsed)).toBeLessThan(BOOKING_CYCLES);
});

test('the dense yardstick takes at most 12.0 million cycles per step', async () => {
  await begin('dense');
  for (const { result } of await train(0, 3)) expect(result.cycles).toBeLessThanOrEqual(12_000_000);
});

test('a wait of several wraps is waiting, to the cycle', async () => {
  await begin('fastest');
  const [before] = await train(0, 1);
  await link.device.clock.delay(700);
  const [after] = await train(1, 1);
  const elapsed = (after!.nowMs - before!.nowMs) * CYCLES_PER_MS;
  expect(elapsed).toBeGreaterThan(5 * WRAP_CYCLES);
  expect(Math.abs(allCycles(after!.result) - elapsed)).toBeLessThan(BOOKING_CYCLES);
  expect(after!.result.idleCycles).toBeGreaterThan(elapsed - after!.result.cycles - 2 * BOOKING_CYCLES);
});

test('image k+1 arrives while k trains: nothing is waited for, and messages cost little', async () => {
  await begin('fastest');
  const results = (await train(0, 40)).map(({ result }) => result).slice(1);
  const total = sum(results.map(allCycles));
  expect(sum(results.map(({ idleCycles }) => idleCycles)) / total).toBeLessThanOrEqual(0.02);
  expect(sum(results.map(({ wireCycles }) => wireCycles)) / results.length).toBeLessThan(90_000);
});
