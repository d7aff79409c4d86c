import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { biasShifts } from '#host/network/bias-scale.js';
import { Calibration, withShifts } from '#host/network/calibration.js';
import type { NetworkLayer } from '#host/network/network.js';
import { loadNetwork } from '#host/network/network-file.js';

const statistics = (
  activationShift: number,
  errorShift: number,
  gradientBits: number,
  weightedGradientBits: number,
  deltaBits = 7,
  errorBits = 7 + errorShift,
) => ({
  ...{ activationShift, errorShift, gradientBits, weightedGradientBits, deltaBits, errorBits },
});

describe('a calibration', () => {
  it('takes the most frequent value, of ties the larger, and errors only of images with a loss', () => {
    const calibration = new Calibration(2);
    const add = (anyLoss: boolean, ...layers: ReturnType<typeof statistics>[]) =>
      calibration.add({ correct: 0, anyLoss, layers });
    add(true, statistics(6, 0, 9, 15), statistics(7, 5, 8, 12));
    add(true, statistics(8, 0, 10, 16), statistics(9, 4, 8, 13));
    add(false, statistics(8, 0, 30, 30), statistics(9, 30, 30, 30));
    add(true, statistics(6, 0, 10, 15), statistics(9, 5, 6, 13));
    expect(calibration.shifts({ scoreMu: 5, gradientMu: 4 })).toEqual([
      // activation 6 and 8 twice each; b(G) 10; b(G*W) 15, and 2 more in the first layer
      { activation: 8, score: 15 - 5 + 2, gradient: 6 },
      // the last layer's error: 5 - 3
      { activation: 9, error: 2, score: 8, gradient: 4 },
    ]);
    expect(calibration.shifts({ scoreMu: 7, gradientMu: 7, lastErrorCorrection: -8, firstScoreCorrection: 0 })).toEqual(
      [
        { activation: 8, score: 8, gradient: 3 },
        { activation: 9, error: 0, score: 6, gradient: 1 },
      ],
    );
  });

  it('fits the last layer to the largest loss, however small the losses of most images are', () => {
    const calibration = new Calibration(2);
    const add = (...layers: ReturnType<typeof statistics>[]) => calibration.add({ correct: 0, anyLoss: true, layers });
    // two confident images, of |d| up to 2 and 1: their errors need no shift as they are; one of |d| up to 127
    add(statistics(6, 0, 9, 15), statistics(9, 0, 2, 8, 1, 6));
    add(statistics(6, 0, 9, 15), statistics(9, 0, 1, 7, 0, 5));
    add(statistics(6, 0, 9, 15), statistics(9, 5, 8, 14));
    const settings = { scoreMu: 4, gradientMu: 4, lastErrorCorrection: 0 };
    expect(calibration.shifts(settings)[1]).toEqual({ activation: 9, error: 0, score: 10, gradient: 4 });
    expect(calibration.shifts({ ...settings, largestLoss: true })).toEqual([
      { activation: 6, score: 13, gradient: 5 },
      { activation: 9, error: 5, score: 10, gradient: 4 },
    ]);
  });

  it('is refused when no image had a loss', () => {
    const calibration = new Calibration(1);
    calibration.add({ correct: 1, anyLoss: false, layers: [statistics(6, 0, 0, 0)] });
    expect(() => calibration.shifts({ scoreMu: 5, gradientMu: 4 })).toThrow(
      expect.objectContaining({ code: 'CALIBRATION_EMPTY' }),
    );
  });
});

describe('shifts in a network', () => {
  const base = { relu: true, belowThreshold: 'zero' as const };
  const layers: NetworkLayer[] = [
    {
      ...{ ...base, name: 'conv', op: 'conv2d', inShape: [4, 4, 1], outChannels: 2, depthwise: false, pool: false },
      ...{ kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0], edges: 2, weightExponent: -6, biasExponent: -20 },
    },
    {
      ...{ ...base, relu: false, name: 'mean', op: 'sum_pool', inShape: [4, 4, 2], edges: 0, weightExponent: 0 },
    },
    {
      ...base,
      relu: false,
      name: 'fc',
      op: 'linear',
      inFeatures: 2,
      outFeatures: 3,
      edges: 6,
      weightExponent: -8,
      biasExponent: 1,
    },
  ];
  const network = {
    ...{ inputExponent: -7, lossShift: 4, layers, weights: new Int8Array(8), biases: new Int16Array(5) },
  };
  const shifts = (activation: number) => ({ activation, error: 3, score: 9, gradient: 5 });

  it('leave out what a sum_pool does not learn', () => {
    const { activation, score, gradient } = shifts(6);
    const calibrated = withShifts(network, [{ activation, score, gradient }, shifts(4), shifts(6)]);
    expect(calibrated.layers.map((layer) => layer.shifts)).toEqual([
      { activation, score, gradient },
      { activation: 4, error: 3 },
      shifts(6),
    ]);
    // conv: sums at -13, bias at -20. fc: -7 + 4 - 8 = -11, bias at 1
    expect(biasShifts(calibrated.layers)).toEqual([-7, undefined, 12]);
  });

  it('are refused where they put a bias out of reach', () => {
    const { error: _, ...first } = shifts(3);
    expect(() => withShifts(network, [first, shifts(4), shifts(6)])).toThrow(
      /layer fc: bias_exponent 1 is 15 above the exponent of its sums; 14 is the most/,
    );
  });
});

it('a network that is calibrated keeps the shifts of its file when it is read', () => {
  const { network } = loadNetwork(join(import.meta.dirname, '../../models/tiny-cnn-mnist'));
  const shifts = network.layers.map((layer) => layer.shifts!);
  expect(withShifts(network, shifts)).toEqual(network);
});
