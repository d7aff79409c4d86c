import { expect, it } from 'vitest';
import { parseArchitecture } from '#host/network/architecture.js';
import { formatBudget, parseBudget } from '#host/training/score-budget.js';

const { layers } = parseArchitecture(
  {
    name: 'mean',
    input_shape: [8, 8, 1],
    layers: [
      { name: 'conv', op: 'conv2d', out_channels: 16, kernel: 3, relu: true },
      { name: 'mean', op: 'sum_pool' },
      { name: 'fc', op: 'linear', out_features: 10 },
    ],
  },
  'mean.json',
);
const network = { inputExponent: -7, lossShift: 4, layers, weights: new Int8Array(16 * 9 + 160) };

it('gives a layer without edges no scores, and asks for none', () => {
  // 30 of 304 edges: by square roots 14 and 15
  expect(parseBudget(network, 'auto', 100)).toEqual([97, 0, 93]);
  expect(parseBudget(network, 'conv=0.5,fc=1', 0)).toEqual([500, 0, 1000]);
  expect(parseBudget(network, formatBudget(network, [97, 0, 93]), 0)).toEqual([97, 0, 93]);
  expect(() => parseBudget(network, 'fc=1', 0)).toThrow(/nothing for conv$/);
});
