/** A network's forward pass on the host, in the very integers of docs/arithmetic.md ("Forward", "Biases"). */
import type { Network, NetworkLayer } from '../network.js';
import { hasPool, inputShape, layerBiases, layerOffsets, mapShape } from '../network-shape.js';
import { Accumulator, firstMaximum, maxPool } from './accumulate.js';

const MAX_VALUE = 127;
const LOWEST_BIAS_SHIFT = -30;
const HIGHEST_BIAS_SHIFT = 14;

/** One layer's outputs of an image. Real value of an output: value * 2^exponent. */
export interface IntegerOutput {
  /** int8 after pool and ReLU, HWC; of the last layer its int32 sums. */
  readonly values: Float64Array;
  readonly exponent: number;
  /** The activation shift that was used. */
  readonly shift: number;
}

/** Computes images one at a time, with the network's static activation shifts, or those each image asks for. */
export class IntegerForward {
  private readonly accumulators: readonly Accumulator[];
  private readonly biases: readonly (Int16Array | undefined)[];

  /**
   * Makes a forward pass.
   * @param weights the effective ones, where they are not the frozen ones
   */
  constructor(
    private readonly network: Network,
    private readonly shifts: 'static' | 'dynamic',
    weights: Int8Array = network.weights,
  ) {
    const offsets = layerOffsets(network);
    this.accumulators = network.layers.map((layer, index) => {
      const start = offsets[index]!;
      const geometry = { ...layer, input: inputShape(layer), output: mapShape(layer) };
      return new Accumulator(geometry, weights.subarray(start, start + layer.edges));
    });
    let bias = 0;
    this.biases = network.layers.map((layer) => {
      if (layer.biasExponent === undefined) return undefined;
      bias += layerBiases(layer);
      return network.biases!.subarray(bias - layerBiases(layer), bias);
    });
  }

  /** Computes one image. @param inputs 0..127, HWC */
  run(inputs: ArrayLike<number>): IntegerOutput[] {
    const outputs: IntegerOutput[] = [];
    let values: Float64Array = Float64Array.from(inputs);
    let exponent = this.network.inputExponent;
    for (const [index, layer] of this.network.layers.entries()) {
      const output = this.layer(index, layer, values, exponent);
      ({ values, exponent } = output);
      outputs.push(output);
    }
    return outputs;
  }

  predict(inputs: ArrayLike<number>): number {
    return firstMaximum(this.run(inputs).at(-1)!.values);
  }

  private layer(index: number, layer: NetworkLayer, input: Float64Array, inputExponent: number): IntegerOutput {
    const sumExponent = inputExponent + layer.weightExponent;
    const sums = this.accumulators[index]!.run(input, scaledBiases(this.biases[index], layer, sumExponent));
    const shift = this.shifts === 'static' ? layer.shifts!.activation : dynamicShift(sums);
    const last = index === this.network.layers.length - 1;
    if (last) return { values: sums.slice(), exponent: sumExponent, shift };
    const values = hasPool(layer) ? maxPool(sums, mapShape(layer)) : sums.slice();
    const lowest = layer.relu ? 0 : -MAX_VALUE;
    for (let i = 0; i < values.length; i++) {
      values[i] = Math.min(MAX_VALUE, Math.max(lowest, shiftedRight(values[i]!, shift)));
    }
    return { values, exponent: sumExponent + shift, shift };
  }
}

/** Biases at the scale of the sums: B = bias << n, or R(bias, -n). */
export function scaledBiases(
  biases: Int16Array | undefined,
  layer: NetworkLayer,
  sumExponent: number,
): Float64Array | undefined {
  if (biases === undefined) return undefined;
  const n = Math.min(HIGHEST_BIAS_SHIFT, Math.max(LOWEST_BIAS_SHIFT, layer.biasExponent! - sumExponent));
  return Float64Array.from(biases, (bias) => (n >= 0 ? bias * 2 ** n : shiftedRight(bias, -n)));
}

/** max(0, b - 7), b the bits of the largest magnitude: 0, or the least with 2^b at least as large. */
function dynamicShift(sums: Float64Array): number {
  const largest = sums.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest === 0 ? 0 : Math.max(0, Math.ceil(Math.log2(largest)) - 7);
}

/** R(v, s): an arithmetic shift that rounds halves up. */
function shiftedRight(value: number, shift: number): number {
  return shift <= 0 ? value : Math.floor((value + 2 ** (shift - 1)) / 2 ** shift);
}
