/** Training on both cores of the emulated Pico. That the bytes are the same, random networks say (test/kernels). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openInProcess } from '#host/device/emulator/in-process.js';
import { Turns } from '#host/device/emulator/turns.js';
import { Link } from '#host/link/link.js';
import { firmwareFlash, shimRom } from './programs.js';
import { trainSteps } from './training.js';

let turns: Turns;
let link: Link;
beforeAll(async () => {
  turns = new Turns({ rom: shimRom(), flash: firmwareFlash(), latencyMs: 1 });
  link = await Link.open(await openInProcess(turns));
});
afterAll(() => link.close());

const total = (steps: Awaited<ReturnType<typeof trainSteps>>) =>
  steps.reduce((sum, { result }) => sum + result.cycles, 0);

test('two cores take six tenths of the cycles of one, and sleep between steps', async () => {
  const one = await trainSteps(link, 4);
  const { second } = turns.pico.machine.chip;
  expect(second.core.VTOR).toBe(0); // in the boot ROM
  const two = await trainSteps(link, 4, 'priot-45', { cores: 2 });
  expect(second.core.VTOR).not.toBe(0);
  expect(second.awake).toBe(false);
  expect(two.every(({ logitsMatch }) => logitsMatch)).toBe(true);
  expect(total(two) / total(one)).toBeLessThan(0.62);
  expect(one.every(({ result }) => result.waitingCycles === 0)).toBe(true);
  expect(two.some(({ result }) => result.waitingCycles > 0)).toBe(true);
  expect(two.map(({ result }) => result.layers)).toEqual(one.map(({ result }) => result.layers));
});

test('without room for what the second core needs one trains', async () => {
  const [step] = await trainSteps(link, 1, 'priot-45', { cores: 2, memoryLimitBytes: 140_000 });
  expect(step!.logitsMatch).toBe(true);
  expect(step!.result.waitingCycles).toBe(0);
});
