import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { loadCase } from '#host/network/conformance-case.js';
import { drawScores, EpochOrder, seed0, Xorshift32 } from '#host/random.js';
import { drawScoresAndSelection, scoredCount, selectLargestWeights } from '#host/training/scored-edges.js';
import { hasRealMnist, noRealMnist } from '../dataset/real-mnist.js';

const cases = join(import.meta.dirname, '../conformance');
const tinyCnn = [72, 1152, 50176, 640];

describe('xorshift32', () => {
  it('gives the published sequence of its shifts from 1', () => {
    const random = new Xorshift32(1);
    expect([random.next(), random.next(), random.next()]).toEqual([270369, 67634689, 2647435461]);
  });

  it('takes 1 for 0', () => {
    expect(new Xorshift32(0).next()).toBe(270369);
  });

  it('is seeded by one step of a congruential generator', () => {
    const expected = (seed: bigint) => Number((seed * 747796405n + 2891336453n) % 2n ** 32n);
    for (const seed of [0, 1, 2, 12345, 2 ** 31, 2 ** 32 - 1]) expect(seed0(seed)).toBe(expected(BigInt(seed)));
  });
});

describe('initial scores', () => {
  it('of seed 0 are those of the case priot-45', () => {
    expect(drawScores(tinyCnn, 0)).toEqual(loadCase(join(cases, 'priot-45')).stateInitial);
  });

  it('differ between seeds', () => {
    expect(drawScores(tinyCnn, 1)).not.toEqual(drawScores(tinyCnn, 0));
  });
});

describe('the selection of scored edges', () => {
  it('by weight is that of the cases', () => {
    for (const [name, edges, permille] of [
      ['priot-s10-45', tinyCnn, [1000, 500, 78, 1000]],
      ['priot-s-negate-saturated', [90, 1600, 96], [500, 370, 800]],
    ] as const) {
      const { network, scored } = loadCase(join(cases, name));
      expect(selectLargestWeights(network.weights, edges, permille)).toEqual(Uint8Array.from(scored));
    }
  });

  it('at random takes the smallest keys, drawn right after the scores of a layer', () => {
    const { scores, scored } = drawScoresAndSelection([20, 30], [250, 500], 3);
    const random = new Xorshift32(seed0(3));
    let offset = 0;
    for (const [edges, count] of [
      [20, 5],
      [30, 15],
    ] as const) {
      const first = drawScores([edges], 3);
      for (let edge = 0; edge < edges; edge += 1) random.next();
      if (offset === 0) expect(scores.subarray(0, 20)).toEqual(first);
      const keys = Array.from({ length: edges }, (_, edge) => (random.next() >>> 16) * 64 + edge);
      const chosen = new Set([...keys].sort((a, b) => a - b).slice(0, count));
      expect([...scored.subarray(offset, offset + edges)]).toEqual(keys.map((key) => (chosen.has(key) ? 1 : 0)));
      offset += edges;
    }
  });

  it('counts in integers', () => {
    expect(scoredCount(50176, 78)).toBe(3913);
    expect(scoredCount(7, 1000)).toBe(7);
    expect(scoredCount(999, 1)).toBe(0);
  });
});

describe('the order of an epoch', () => {
  const naive = (seed: number, images: number, epochs: number): number[] => {
    const random = new Xorshift32(seed0(seed) ^ 0x5bd1e995);
    const order = Array.from({ length: images }, (_, index) => index);
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      for (let i = images - 1; i >= 1; i -= 1) {
        const j = Number((BigInt(random.next()) * BigInt(i + 1)) >> 32n);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
    }
    return order;
  };

  it('is a shuffle of the epoch before, the first epoch included', () => {
    const order = new EpochOrder(5, 100);
    expect([...order.of(0)]).toEqual(naive(5, 100, 1));
    expect([...order.of(1)]).toEqual(naive(5, 100, 2));
    expect([...order.of(1)]).toEqual(naive(5, 100, 2));
  });

  it('can begin anywhere, as a resumed session does', () => {
    expect([...new EpochOrder(9, 64).of(3)]).toEqual(naive(9, 64, 4));
  });

  const reason = hasRealMnist ? '' : ` (${noRealMnist})`;
  it.skipIf(!hasRealMnist)(`is that of the case priot-45 on MNIST${reason}`, async () => {
    const { train } = await loadDataset('mnist', { dataDir: process.env.PRIOT_DATA });
    const order = new EpochOrder(0, 1024).of(0);
    const { steps } = loadCase(join(cases, 'priot-45'));
    expect(steps.map(({ label }) => label)).toEqual([...order.subarray(0, 32)].map((image) => train.labels[image]));
  });

  it('has one image in its only order', () => {
    expect([...new EpochOrder(0, 1).of(0)]).toEqual([0]);
  });
});
