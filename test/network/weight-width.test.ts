import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BatchEngine } from '#host/network/batch-engine.js';
import type { Network, NetworkLayer } from '#host/network/network.js';
import { loadNetwork } from '#host/network/network-file.js';
import { imageBytes } from '#host/network/network-shape.js';
import { narrowWeights, widenWeights } from '#host/network/weight-width.js';
import { Xorshift32 } from '#host/random.js';

const { network } = loadNetwork(join(import.meta.dirname, '../conformance/priot-45'));

/** The largest magnitude of each layer's weights. */
function largest({ layers, weights }: Network): number[] {
  let offset = 0;
  return layers.map(({ edges }) => {
    offset += edges;
    return weights.subarray(offset - edges, offset).reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  });
}

it('rounds all layers but the last to the width asked for', () => {
  const weights = network.weights.slice();
  weights.set([127, -127, 124, -124, 123, 116, 115, 4, -4, 3, -3, 0]);
  const narrow = narrowWeights({ ...network, weights }, 5);
  expect([...narrow.weights.subarray(0, 12)]).toEqual([15, -15, 15, -15, 15, 15, 14, 1, -1, 0, 0, 0]);
  expect(largest(narrow).slice(0, 3)).toEqual([15, 15, 15]);
  expect(narrow.weights.subarray(1224 + 50176)).toEqual(weights.subarray(1224 + 50176));
  const exponents = network.layers.map(({ weightExponent }) => weightExponent);
  expect(narrow.layers.map(({ weightExponent }) => weightExponent)).toEqual([
    ...exponents.slice(0, 3).map((exponent) => exponent + 3),
    exponents[3],
  ]);
  expect(narrow.layers.every(({ shifts }) => shifts === undefined)).toBe(true);
});

it('leaves weights that are narrow enough', () => {
  const narrow = narrowWeights(network, 5);
  expect(narrowWeights(narrow, 5)).toEqual(narrow);
  expect(narrowWeights(network, 8).weights).toEqual(network.weights);
});

it('widens to the same activations, deltas and gradients', async () => {
  const narrow = narrowWeights(network, 5);
  const wide = widenWeights(narrow);
  expect(largest(wide).slice(0, 3)).toEqual([120, 120, 120]);
  expect(widenWeights(wide)).toEqual(wide);
  const [before, after] = [await BatchEngine.open(narrow, 1), await BatchEngine.open(wide, 1)];
  const random = new Xorshift32(7);
  const shift = (index: number) => (index < 3 ? 3 : 0);
  for (let label = 0; label < 10; label++) {
    const image = Uint8Array.from({ length: imageBytes(network) }, () => random.next() & 127);
    for (const engine of [before, after]) engine.image(0).set(image);
    const [seen, expected] = [after, before].map((engine) => engine.observe(Uint8Array.of(label)));
    expect(expected!.anyLoss).toBe(true);
    expect(seen).toEqual({
      ...expected,
      layers: expected!.layers.map((layer, index) => ({
        activationShift: layer.activationShift + shift(index),
        errorShift: layer.errorShift + (index === 0 ? 0 : shift(index)),
        gradientBits: layer.gradientBits,
        weightedGradientBits: layer.weightedGradientBits + shift(index),
        deltaBits: layer.deltaBits,
        errorBits: layer.errorBits + (index === 0 ? 0 : shift(index)),
      })),
    });
  }
});

it('widens the shifts with the weights', () => {
  const [first, second] = widenWeights({
    ...network,
    weights: network.weights.map((weight) => Math.trunc(weight / 16)),
  }).layers;
  const [{ shifts: firstShifts }, { shifts: secondShifts }] = network.layers as [NetworkLayer, NetworkLayer];
  expect(first!.shifts).toEqual({
    ...firstShifts,
    activation: firstShifts!.activation + 4,
    score: firstShifts!.score! + 4,
  });
  expect(second!.shifts).toMatchObject({ activation: secondShifts!.activation + 4, error: secondShifts!.error! + 4 });
});
