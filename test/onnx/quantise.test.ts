import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findCases, loadCase } from '#host/network/conformance-case.js';
import { effectiveWeights } from '#host/network/onnx/effective-weights.js';
import { equalised, equalisedForWidth } from '#host/network/onnx/equalise.js';
import { FloatForward } from '#host/network/onnx/float-forward.js';
import type { FloatLayer, FloatNetwork } from '#host/network/onnx/float-network.js';
import { IntegerForward } from '#host/network/onnx/integer-forward.js';
import { quantiseNetwork, quantiseWeights } from '#host/network/onnx/quantise.js';
import { parseOnnx } from '#host/network/onnx/read-onnx.js';
import { dialects } from './dialects.js';
import { model, pixels } from './model.js';

const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 60 });

function squaredError(real: readonly number[], { weights, exponent }: ReturnType<typeof quantiseWeights>): number {
  return real.reduce((sum, value, i) => sum + (value - weights[i]! * 2 ** exponent) ** 2, 0);
}

describe('quantiseWeights', () => {
  test('gives the least squared error of all powers of two, within the bits', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 8 }), (real, bits) => {
        const limit = 2 ** (bits - 1) - 1;
        const chosen = quantiseWeights(Float64Array.from(real), bits);
        expect(Math.max(...chosen.weights.map(Math.abs))).toBeLessThanOrEqual(limit);
        const error = squaredError(real, chosen);
        for (let exponent = -31; exponent <= 10; exponent++) {
          const weights = Int8Array.from(real, (value) => {
            const scaled = Math.floor(Math.abs(value) / 2 ** exponent + 0.5);
            return Math.sign(value) * Math.min(limit, scaled);
          });
          expect(squaredError(real, { weights, exponent })).toBeGreaterThanOrEqual(error * (1 - 1e-12));
        }
      }),
    );
  });

  test('all zeros stay zeros', () => {
    expect([...quantiseWeights(new Float64Array(3), 8).weights]).toEqual([0, 0, 0]);
  });
});

const node = { name: 'n', operator: 'Gemm', position: 1 };
function linear(weights: number[], bias: number[]): FloatNetwork {
  const layer: FloatLayer = {
    op: 'linear',
    name: 'fc1',
    node,
    input: [1, 1, weights.length / bias.length],
    output: [1, 1, bias.length],
    relu: false,
    weights: Float64Array.from(weights),
    bias: Float64Array.from(bias),
  };
  return { input: { scale: Float64Array.of(1 / 256), shift: Float64Array.of(0) }, layers: [layer] };
}

describe('quantiseNetwork', () => {
  test('biases are int16 at the finest power of two that holds them; a layer of zeros has none', () => {
    const { layers, biases } = quantiseNetwork(linear([0.5, -0.25], [1.5, -0.001]), 8);
    expect(layers[0]!.biasExponent).toBe(-14);
    expect([...biases!]).toEqual([24576, -16]);
    const none = quantiseNetwork(linear([0.5, -0.25], [0, 0]), 8);
    expect(none.biases).toBeUndefined();
    expect(none.layers[0]).not.toHaveProperty('biasExponent');
  });

  test('what integers compute is near what real numbers do', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 }),
        fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 4, maxLength: 4 }),
        (weights, bias, inputs) => {
          fc.pre(weights.some((weight) => Math.abs(weight) > 0.01));
          const network = linear(weights, bias);
          const quantised = quantiseNetwork(network, 8);
          const [last] = new IntegerForward(quantised, 'dynamic').run(inputs).slice(-1);
          const wanted = new FloatForward(network).run(inputs.map((input) => input * 2)).at(-1)!;
          const unit = 2 ** quantised.layers[0]!.weightExponent;
          wanted.forEach((value, i) => {
            // half a unit of weight an input of at most 1, and rounding of the bias and of sums
            expect(Math.abs(last!.values[i]! * 2 ** last!.exponent - value)).toBeLessThan(4 * unit + 2e-3);
          });
        },
      ),
    );
  });
});

describe('equalised', () => {
  test.each(Object.entries(dialects))('changes no output: %s', (_name, dialect) => {
    const { network } = parseOnnx(model(dialect.spec), () => {
      throw new Error('there is no external data');
    });
    const image = pixels(...dialect.image, 3);
    const [before, after] = [network, equalised(network)].map((net) => new FloatForward(net).run(image).at(-1)!);
    const size = Math.max(...before!.map(Math.abs));
    for (const [i, value] of after!.entries()) expect(Math.abs(value - before![i]!)).toBeLessThan(1e-5 * size);
  });

  test('saves narrow weights of a network with depthwise layers, and leaves alone what gains nothing', () => {
    const file = readFileSync(new URL('fixtures/ds-cnn.onnx', import.meta.url));
    const { network } = parseOnnx(file, () => {
      throw new Error('there is no external data');
    });
    const equal = equalisedForWidth(network, 4);
    const loss = ({ layers }: FloatNetwork) =>
      layers.slice(0, -2).reduce((sum, { weights }) => {
        const rounded = quantiseWeights(weights, 4);
        return sum + squaredError([...weights], rounded) / weights.reduce((size, weight) => size + weight ** 2, 0);
      }, 0);
    expect(loss(equal)).toBeLessThan(0.75 * loss(network));
    const layers = [linear([1, 1, 1, 1], [0, 0]).layers[0]!, linear([1, 1, 1, 1], [0, 0]).layers[0]!];
    const even = { ...network, layers };
    expect(equalisedForWidth(even, 4)).toBe(even);
  });
});

describe('IntegerForward computes what the conformance cases hold', () => {
  const cases = findCases('test/conformance').map(loadCase);
  test.each(cases.map((found) => [found.name, found] as const))('%s', (_name, found) => {
    const { network, method, threshold, stateInitial: state, scored } = found;
    const weights = effectiveWeights(network, { method, threshold, state, scored });
    const forward = new IntegerForward(network, method === 'niti-dynamic' ? 'dynamic' : 'static', weights);
    expect([...forward.run(found.images[0]!).at(-1)!.values]).toEqual(found.steps[0]!.logits);
  });
});
