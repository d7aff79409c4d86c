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
