/** Turns real weights into those of a network here: integers with one power of two per layer. */
import { limits } from '../limits.js';
import type { Network, NetworkLayer } from '../network.js';
import { INPUT_EXPONENT, LOSS_SHIFT } from '../network-file.js';
import type { FloatLayer, FloatNetwork } from './float-network.js';

const MAX_BIAS = 32767;
/** Finer steps than this below a weight's times an input's change no sum: biases below are 0. */
const FINEST_BIAS = 22;

/** A layer's weights as integers: real value = weight * 2^exponent. */
export interface QuantisedWeights {
  readonly weights: Int8Array;
  readonly exponent: number;
}

/**
 * Rounds weights to `bits`, sign included, with the power of two that gives the least squared error; halves away from zero,
 * saturated. Of equally good exponents the largest, so numbers stay small.
 */
export function quantiseWeights(values: Float64Array, bits: number): QuantisedWeights {
  const limit = 2 ** (bits - 1) - 1;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // nothing is left of weights that small: any exponent does, so one that biases fit well to
  if (largest < 2 ** -(limits.exponent + 1)) return { weights: new Int8Array(values.length), exponent: INPUT_EXPONENT };
  const widest = clamped(Math.ceil(Math.log2(largest / limit)), limits.exponent);
  let best: { exponent: number; error: number } | undefined;
  // one step finer halves the rounding error and saturates what is above half the range; four steps finer never pays
  for (let exponent = widest; exponent >= Math.max(-limits.exponent, widest - 4); exponent--) {
    const unit = 2 ** exponent;
    const error = values.reduce((sum, value) => sum + (value - rounded(value / unit, limit) * unit) ** 2, 0);
    if (best === undefined || error < best.error) best = { exponent, error };
  }
  const unit = 2 ** best!.exponent;
  return { weights: Int8Array.from(values, (value) => rounded(value / unit, limit)), exponent: best!.exponent };
}

/**
 * Quantises a network that reads (pixel >> 1) / 128 (withInputFolded). It has no shifts yet.
 *
 * @param bits 2..8, of all layers but the last, which has 8: it is small, and its outputs decide
 */
export function quantiseNetwork(network: FloatNetwork, bits: number): Network {
  const weights: Int8Array[] = [];
  const biases: Int16Array[] = [];
  const last = network.layers.length - 1;
  const layers = network.layers.map((layer, index): NetworkLayer => {
    if (layer.op === 'sum_pool') {
      const { name, input } = layer;
      return { op: 'sum_pool', name, inShape: input, relu: false, edges: 0, weightExponent: 0, belowThreshold: 'zero' };
    }
    const quantised = quantiseWeights(layer.weights, index === last ? 8 : bits);
    weights.push(quantised.weights);
    const bias = quantiseBias(layer.bias, quantised.exponent);
    if (bias !== undefined) biases.push(bias.values);
    return {
      ...shapeOf(layer),
      name: layer.name,
      relu: layer.relu,
      edges: layer.weights.length,
      weightExponent: quantised.exponent,
      ...(bias === undefined ? {} : { biasExponent: bias.exponent }),
      belowThreshold: 'zero',
    };
  });
  return {
    inputExponent: INPUT_EXPONENT,
    lossShift: LOSS_SHIFT,
    layers,
    weights: Int8Array.from(weights.flatMap((part) => [...part])),
    ...(biases.length === 0 ? {} : { biases: Int16Array.from(biases.flatMap((part) => [...part])) }),
  };
}

function shapeOf(layer: Exclude<FloatLayer, { op: 'sum_pool' }>) {
  if (layer.op === 'linear') {
    const [height, width, channels] = layer.input;
    return { op: 'linear' as const, inFeatures: height * width * channels, outFeatures: layer.output[2] };
  }
  const { input, output, depthwise, kernel, stride, padding, pool } = layer;
  return { op: 'conv2d' as const, inShape: input, outChannels: output[2], depthwise, kernel, stride, padding, pool };
}

/** int16 with the finest power of two that holds the largest; undefined when all are 0, as such a layer has none. */
function quantiseBias(
  values: Float64Array,
  weightExponent: number,
): { values: Int16Array; exponent: number } | undefined {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return undefined;
  const finest = Math.ceil(Math.log2(largest / MAX_BIAS));
  const exponent = clamped(Math.max(finest, weightExponent - FINEST_BIAS), limits.biasExponent);
  const quantised = Int16Array.from(values, (value) => rounded(value / 2 ** exponent, MAX_BIAS));
  return quantised.every((value) => value === 0) ? undefined : { values: quantised, exponent };
}

function rounded(value: number, limit: number): number {
  return Math.sign(value) * Math.min(limit, Math.floor(Math.abs(value) + 0.5));
}

function clamped(exponent: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, exponent));
}
