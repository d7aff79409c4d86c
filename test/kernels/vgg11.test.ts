/** VGG11 of quarter width on the emulated Pico: what fits, in which bytes, and what is refused with an account of them. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Connection } from '#host/link/connection.js';
import { loadNetwork } from '#host/network/network-file.js';
import { openDevice } from '#host/sessions/open-device.js';
import { fitOf } from '#host/training/fit.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';

const { network } = loadNetwork(join(import.meta.dirname, '../../models/vgg11-quarter-cifar10'));
const EDGES = 577_712;

let connection: Connection;
beforeAll(async () => {
  connection = await openDevice({ device: 'emulator' });
});
afterAll(() => connection.close());

it('PRIOT-S with 10 % of the edges scored fits, two bytes a scored edge and two a row', async () => {
  const { plan, fits } = await fitOf(connection.link, network, 'priot-s');
  expect(fits).toBe(true);
  expect(plan).toMatchObject({ fastKernels: true, weightsInFlash: true, flashBytes: EDGES });
  const { settings } = setUpMethod(completeMethodRequest({ method: 'priot-s' }, network), network, 0);
  const scored = settings.scored!.reduce((count, flag) => count + flag, 0);
  expect(scored).toBeGreaterThan(0.099 * EDGES);
  const rows = network.layers.reduce((sum, layer) => sum + layer.edges / outputsOf(layer), 0);
  expect(plan!.stateBytes).toBeLessThan(2 * scored + 2 * rows + 0.04 * scored);
  expect(plan!.requiredBytes).toBeLessThan(plan!.arenaBytes);
});

it.each(['priot', 'niti-static', 'niti-dynamic'] as const)(
  '%s is refused with the account of bytes',
  async (method) => {
    const { fits, reason } = await fitOf(connection.link, network, method);
    expect(fits).toBe(false);
    expect(reason).toMatch(
      /the network needs 1,\d{3},\d{3} bytes and the device has 23\d,\d{3} \(weights 57\d,\d{3}, state/,
    );
  },
);

function outputsOf(layer: (typeof network.layers)[number]): number {
  return layer.op === 'conv2d' ? layer.outChannels : layer.op === 'linear' ? layer.outFeatures : 1;
}
