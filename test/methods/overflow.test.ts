/** The planner accepts only networks whose int32 sums are proven, rounding constants included (docs/arithmetic.md). */
import { describe, expect, it } from 'vitest';
import { priot } from '#proto';
import { Board, FailureCode, Method, square } from '../session/board.js';

const { LAYER_OPERATION_CONV2D, LAYER_OPERATION_LINEAR } = priot.LayerOperation;
const INT32_MAX = 2 ** 31 - 1;

/** A 3x3 convolution of a height x width map, and a linear layer behind it. */
function network(height: number, width: number, shift: number, method: priot.Method): priot.OpenNetwork.$Properties {
  const map = { inHeight: height, inWidth: width, inChannels: 1, outChannels: 1, ...square(3, 1, 1) };
  return {
    method,
    threshold: -64,
    inputExponent: -7,
    lossShift: 4,
    layers: [
      { operation: LAYER_OPERATION_CONV2D, ...map, relu: true, activationShift: 7, updateShift: shift },
      {
        operation: LAYER_OPERATION_LINEAR,
        inHeight: 1,
        inWidth: 1,
        inChannels: height * width,
        outChannels: 2,
        activationShift: 7,
        errorShift: 7,
        updateShift: 16,
      },
    ],
  };
}

const open = (...[height, width, shift, method]: Parameters<typeof network>) =>
  new Board().ask({ openNetwork: network(height, width, shift, method) });

describe('the largest gradient times weight, 127^3 for every position of the map', () => {
  const worst = (positions: number, shift: number) => positions * 127 ** 3 + (shift === 0 ? 0 : 2 ** (shift - 1));

  it.each([
    [32, 32, 20, true],
    [25, 40, 20, true],
    [25, 40, 30, false], // the sum alone would fit; the constant that rounding adds does not
    [29, 36, 20, true],
    [33, 33, 20, false],
    [40, 40, 20, false],
  ])('of %i x %i, shifted by %i: accepted is %s', (height, width, shift, accepted) => {
    expect(worst(height * width, shift) <= INT32_MAX).toBe(accepted);
    const { kind, body } = open(height, width, shift, Method.METHOD_PRIOT);
    expect(kind).toBe(accepted ? 'memoryPlan' : 'failure');
    if (!accepted) {
      expect(body.code).toBe(FailureCode.FAILURE_CODE_OVERFLOW);
      expect(body.text).toContain('gradients could overflow');
    }
  });
});

it('a method without scores multiplies by no weight, and takes the larger map', () => {
  expect(open(40, 40, 20, Method.METHOD_NITI_STATIC).kind).toBe('memoryPlan');
  expect(open(40, 40, 20, Method.METHOD_PRIOT_S).kind).toBe('failure');
});

/** The layers of VGG11 on 32x32x3 at full width: 9,222,848 edges; each with a bias that is shifted by `biasShift`. */
function vgg11(shift: number, biasShift: number): priot.Layer.$Properties[] {
  const shape = [
    [64, true],
    [128, true],
    [256, false],
    [256, true],
    [512, false],
    [512, true],
    [512, false],
    [512, true],
  ] as const;
  let [side, inChannels, exponent] = [32, 3, -7];
  const bias = () => ({ bias: true, weightExponent: -9, biasExponent: exponent - 9 + biasShift });
  const shifts = { activationShift: shift, errorShift: shift, updateShift: shift };
  const layers = shape.map(([outChannels, pool]) => {
    const map = { inHeight: side, inWidth: side, inChannels, outChannels, ...square(3, 1, 1), pool, relu: true };
    const layer = { operation: LAYER_OPERATION_CONV2D, ...map, ...bias(), ...shifts };
    side = pool ? side / 2 : side;
    inChannels = outChannels;
    exponent += shift - 9;
    return layer;
  });
  const linear = { operation: LAYER_OPERATION_LINEAR, inHeight: 1, inWidth: 1, inChannels: 512, outChannels: 10 };
  return [...layers, { ...linear, ...bias(), ...shifts }];
}

describe('VGG11 at full width is proven', () => {
  it.each([Method.METHOD_PRIOT, Method.METHOD_PRIOT_S, Method.METHOD_NITI_STATIC, Method.METHOD_NITI_DYNAMIC])(
    'method %i, whatever its shifts and biases are',
    (method) => {
      const board = new Board();
      for (const shift of [0, 9, 30]) {
        for (const biasShift of [-30, 14]) {
          const openNetwork = { method, inputExponent: -7, lossShift: 4, mu: 3, layers: vgg11(shift, biasShift) };
          expect(board.ask({ openNetwork }).body).toMatchObject({ fits: true });
        }
      }
    },
  );
});

describe('biases', () => {
  const open = (biasShift: number, method: priot.Method) =>
    new Board().ask({ openNetwork: { method, inputExponent: -7, lossShift: 4, layers: vgg11(9, biasShift) } });

  it.each([-31, 15])('that static shifts would move by %i are refused', (biasShift) => {
    const { code, value, layer } = open(biasShift, Method.METHOD_PRIOT).body;
    expect({ code, value, layer }).toEqual({ code: FailureCode.FAILURE_CODE_BAD_NETWORK, value: biasShift, layer: 1 });
    expect(open(biasShift, Method.METHOD_NITI_DYNAMIC).kind).toBe('memoryPlan'); // there they are clamped
  });

  /** 67,000 inputs: a sum of 1,080,643,000, and half of 2^30 for the rounding. */
  const wide = (inputs: number, biasShift: number | undefined, activationShift: number) => ({
    operation: LAYER_OPERATION_LINEAR,
    ...{ inHeight: 1, inWidth: 1, inChannels: inputs, outChannels: 2, activationShift },
    ...(biasShift === undefined ? {} : { bias: true, biasExponent: biasShift + 30 - 7 }),
  });

  it.each([
    [67_000, undefined, 30, true],
    [67_000, 13, 30, true],
    [67_000, 14, 30, false],
    [67_000, 14, 20, true],
    [133_000, undefined, 0, true],
    [133_144, undefined, 0, true],
    [133_145, undefined, 0, false],
    [133_144, 0, 0, false],
  ])('of %i inputs, shifted by %s, activations by %i: accepted is %s', (inputs, biasShift, shift, accepted) => {
    const first = { operation: LAYER_OPERATION_LINEAR, inHeight: 1, inWidth: 1, inChannels: 4, outChannels: inputs };
    const layers = [{ ...first, activationShift: 30 }, wide(inputs, biasShift, shift)];
    const { kind, body } = new Board().ask({
      openNetwork: { method: Method.METHOD_NITI_STATIC, inputExponent: -7, lossShift: 4, layers },
    });
    expect(kind).toBe(accepted ? 'memoryPlan' : 'failure');
    if (!accepted) expect(body.text).toContain('accumulators could overflow');
  });
});

it.each([
  [true, 'memoryPlan'],
  [false, 'failure'],
])('errors: a pool (%s) lets one delta of four through, so a kernel of 11x11 to 1,200 channels is %s', (pool, kind) => {
  const map = { inHeight: 12, inWidth: 12, inChannels: 1, outChannels: 1, ...square(1, 1, 0), relu: true };
  const wide = { inHeight: 12, inWidth: 12, inChannels: 1, outChannels: 1200, ...square(11, 1, 0), pool };
  const features = pool ? 1200 : 4 * 1200;
  const layers = [
    { operation: LAYER_OPERATION_CONV2D, ...map },
    { operation: LAYER_OPERATION_CONV2D, ...wide },
    { operation: LAYER_OPERATION_LINEAR, inHeight: 1, inWidth: 1, inChannels: features, outChannels: 2 },
  ];
  const reply = new Board().ask({ openNetwork: { inputExponent: -7, lossShift: 4, layers } });
  expect(reply.kind).toBe(kind);
});

it.each([-64, 64])('the exponent of the logits is clamped, never refused: input exponent %i', (inputExponent) => {
  const layer = { operation: LAYER_OPERATION_LINEAR, inHeight: 1, inWidth: 1, inChannels: 2, outChannels: 2 };
  expect(new Board().ask({ openNetwork: { inputExponent, lossShift: 4, layers: [layer] } }).kind).toBe('memoryPlan');
});
