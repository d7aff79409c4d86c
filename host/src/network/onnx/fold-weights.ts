/** Weights in canonical order, and scaling folded into them. */
import type { FloatConvolution, FloatLayer } from './float-network.js';
import { type Scaling, spreadOver } from './scaling.js';
import type { ConvolutionStep } from './steps.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Orders a convolution's weights [o][c][ky][kx] as edges are: [o][ky][kx][c]. */
export function weightsOf({ weights }: ConvolutionStep): Float64Array {
  const [outputs, channels, rows, columns] = weights.shape as readonly [number, number, number, number];
  const taps = rows * columns;
  const ordered = new Float64Array(weights.values.length);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < channels; c++) {
      for (let tap = 0; tap < taps; tap++) {
        ordered[(o * taps + tap) * channels + c] = weights.values[(o * channels + c) * taps + tap]!;
      }
    }
  }
  return ordered;
}

/**
 * Makes a layer read x where it read x * scale + shift. At the borders of a padded map this is inexact wherever the shift is
 * not 0: zeros around the map were not shifted.
 */
export function foldInto(layer: Writable<FloatLayer>, scaling: Scaling): void {
  const depthwise = layer.op === 'conv2d' && layer.depthwise;
  const fanIn = layer.weights.length / layer.bias.length;
  const channels = layer.input[2];
  const { scale, shift } = spreadOver(scaling, scaling.over === 'feature' ? fanIn : channels);
  const inputs = scale.length;
  const weights = layer.weights.slice();
  const bias = layer.bias.slice();
  for (let o = 0; o < bias.length; o++) {
    for (let tap = 0; tap < fanIn; tap++) {
      const input = depthwise ? o : tap % inputs;
      const edge = o * fanIn + tap;
      bias[o]! += weights[edge]! * shift[input]!;
      weights[edge]! *= scale[input]!;
    }
  }
  layer.weights = weights;
  layer.bias = bias;
}

/** Gives the layer below a channel that is 1 inside the map and 0 around it, and the layer above weights that make the shift of it. */
export function appendConstantChannel(
  below: Writable<FloatConvolution>,
  layer: Writable<FloatConvolution>,
  scaling: Scaling,
): void {
  const channels = layer.input[2];
  const { scale, shift } = spreadOver(scaling, channels);
  const fanIn = below.weights.length / below.bias.length;
  below.weights = concatenated(below.weights, new Float64Array(fanIn));
  below.bias = concatenated(below.bias, Float64Array.of(1));
  below.output = [below.output[0], below.output[1], channels + 1];
  const positions = layer.weights.length / channels;
  const weights = new Float64Array(positions * (channels + 1));
  for (let position = 0; position < positions; position++) {
    for (let c = 0; c < channels; c++) {
      const weight = layer.weights[position * channels + c]!;
      weights[position * (channels + 1) + c] = weight * scale[c]!;
      weights[position * (channels + 1) + channels]! += weight * shift[c]!;
    }
  }
  layer.weights = weights;
  layer.input = [layer.input[0], layer.input[1], channels + 1];
}

function concatenated(a: Float64Array, b: Float64Array): Float64Array {
  const joined = new Float64Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
