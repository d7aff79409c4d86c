/** VGG11 of quarter width with PRIOT-S on the emulated Pico: a session ends in the simulator's bytes. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Device } from '#host/device/device.js';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import { loadNetwork } from '#host/network/network-file.js';
import { imageBytes } from '#host/network/network-shape.js';
import { Xorshift32 } from '#host/random.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';
import { putNetwork, readState } from '#host/training/network-on-device.js';
import { stateDigest } from '#host/training/session-id.js';

const STEPS = 24;
/** A step took 30.8 M cycles when this was written. */
const MOST_CYCLES = 34e6;

const { network } = loadNetwork(join(import.meta.dirname, '../../models/vgg11-quarter-cifar10'));
const { settings, initialState } = setUpMethod(completeMethodRequest({ method: 'priot-s' }, network), network, 0);

/** Blurred noise: neighbouring pixels are alike, as in photographs. */
function images(): Uint8Array[] {
  const random = new Xorshift32(11);
  return Array.from({ length: STEPS }, () => {
    let value = 64;
    return Uint8Array.from({ length: imageBytes(network) }, () => {
      value = Math.min(127, Math.max(0, value + (random.next() % 25) - 12));
      return value;
    });
  });
}

async function train(device: Device) {
  const link = await Link.open(device);
  await putNetwork(link, network, settings, initialState);
  const sessionId = new Uint8Array(8);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = images().map((image, step) => ({ label: step % 10, image }));
  const steps: { prediction: number; lossZero: boolean }[] = [];
  let cycles = 0;
  for await (const result of link.steps({ sessionId, firstStep: 0 }, frames)) {
    steps.push({ prediction: result.prediction, lossZero: result.lossZero });
    cycles += result.cycles;
  }
  const state = await readState(link, network, settings);
  await link.close();
  return {
    steps,
    digest: stateDigest(state),
    changed: state.some((score, edge) => score !== initialState[edge]),
    cycles,
  };
}

it('24 steps end in the bytes of the simulator', async () => {
  const simulated = await train(await openSimulator());
  const emulated = await train(await openEmulator());
  expect(emulated.digest).toBe(simulated.digest);
  expect(emulated.steps).toEqual(simulated.steps);
  expect(emulated.changed).toBe(true);
  expect(emulated.cycles).toBeGreaterThan(0);
  expect(emulated.cycles / STEPS).toBeLessThan(MOST_CYCLES);
}, 300_000);
