import { expect, test } from 'vitest';
import { prepareMethod, sessionImages } from '#host/bench/workload.js';
import { loadDataset } from '#host/dataset/dataset.js';
import type { NetworkLayer } from '#host/network/network.js';
import { loadNetwork } from '#host/network/network-file.js';

const { network } = loadNetwork('models/tiny-cnn-mnist');
const digits = await loadDataset('digits');

test('all methods get the same images in the order of a session with seed 0', () => {
  const steps = sessionImages(digits, 45, 1026);
  const epoch = (first: number, count: number) => steps.slice(first, first + count).map(({ image }) => image);
  expect(new Set(epoch(0, 1024)).size).toBe(1024);
  expect(epoch(0, 1024)).toContain(steps[1024]!.image);
  expect(epoch(1024, 2)).not.toEqual(epoch(0, 2));
  expect(sessionImages(digits, 45, 3)).toEqual(steps.slice(0, 3));
});

test('shifts that the file lacks are calibrated, and are near those it has', async () => {
  const { network: calibrated, settings } = await prepareMethod('niti-static', network, digits, 0);
  expect(settings).toMatchObject({ method: 'niti-static' });
  const unit = ({ weightExponent, shifts }: NetworkLayer) => weightExponent + shifts!.activation;
  for (const [index, layer] of calibrated.layers.entries()) {
    expect(Math.abs(unit(layer) - unit(network.layers[index]!))).toBeLessThanOrEqual(1);
    expect(layer.shifts!.gradient).toBeGreaterThan(0);
  }
  const priotS = await prepareMethod('priot-s', network, digits, 45);
  const scored = priotS.settings.scored!.reduce((sum, flag) => sum + flag, 0);
  expect(scored / network.weights.length).toBeGreaterThan(0.09);
  expect(scored / network.weights.length).toBeLessThanOrEqual(0.1);
});
