import { expect, test } from 'vitest';
import { loadNetwork } from '#host/network/network-file.js';
import { SCORE_BINS, scoresEvent } from '#host/runs/score-histogram.js';

const { network } = loadNetwork('models/tiny-cnn-mnist');
const edges = network.layers.reduce((sum, layer) => sum + layer.edges, 0);

test('scores fall into bins of eight, and those below the threshold count as pruned', () => {
  const state = new Int8Array(edges).fill(0);
  state.set([-127, -65, -64, 127], 0);
  const { layers } = scoresEvent(3, network, state, -64);
  const [first] = layers;
  expect(first!.pruned).toBe(2);
  expect(first!.histogram).toHaveLength(SCORE_BINS);
  // -127 in the first bin, -65 in -72..-65, -64 in -64..-57, 0 in 0..7, 127 in the last
  expect([0, 7, 8, 16, 31].map((bin) => first!.histogram[bin])).toEqual([1, 1, 1, first!.edges - 4, 1]);
  expect(layers.every(({ scored, edges: all }) => scored === all)).toBe(true);
});

test('edges without a score are not counted', () => {
  const scored = new Uint8Array(edges);
  scored[1] = 1;
  const { layers } = scoresEvent(-1, network, new Int8Array(edges).fill(-128 + 1), -32, scored);
  expect(layers.map((layer) => [layer.scored, layer.pruned])).toEqual([[1, 1], ...layers.slice(1).map(() => [0, 0])]);
});
