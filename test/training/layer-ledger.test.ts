import { expect, test } from 'vitest';
import type { StepResult } from '#host/link/messages.js';
import type { Network } from '#host/network/network.js';
import { isSampled, LayerLedger } from '#host/training/layer-ledger.js';

const network = { layers: [{ name: 'a' }, { name: 'b' }] } as unknown as Network;

function result(phaseCycles: number[], lossZero = false): StepResult {
  return { phaseCycles, lossZero } as StepResult;
}

test('an epoch has at most 32 sampled steps, evenly spread, the first among them', () => {
  for (const count of [1, 31, 32, 33, 100, 1024, 60_000]) {
    const sampled = Array.from({ length: count }, (_, index) => index).filter((index) => isSampled(index, count));
    expect(sampled[0]).toBe(0);
    expect(sampled.length).toBeLessThanOrEqual(32);
    expect(sampled.length).toBeGreaterThanOrEqual(Math.min(count, 16));
    expect(new Set(sampled.slice(1).map((index, at) => index - sampled[at]!)).size).toBeLessThanOrEqual(1);
  }
});

test('the ledger is the mean of active steps that have one', () => {
  const ledger = new LayerLedger(3, network);
  expect(ledger.event()).toBeUndefined();
  ledger.add(result([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
  ledger.add(result([3, 2, 3, 4, 5, 6, 7, 8, 9, 11]));
  ledger.add(result([100, 0, 0, 0, 0, 0, 0, 0, 0, 0], true)); // no backward pass
  ledger.add(result([])); // was not asked for, or is a repeated step's
  expect(ledger.event()).toEqual({
    type: 'layers',
    epoch: 3,
    steps: 2,
    layers: [
      { name: 'a', cycles: { forward: 2, requantise: 2, loss: 3, error: 4, update: 5 } },
      { name: 'b', cycles: { forward: 6, requantise: 7, loss: 8, error: 9, update: 11 } },
    ],
  });
});
