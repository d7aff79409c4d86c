// What a network's layers look like on one image of training, after docs/arithmetic.md: how many activations are 0 or at
// their limit, how many deltas are. Static shifts, priot; nothing is learned.
import { inputShape, layerBiases, layerOffsets, mapShape, outputShape } from '../dist/host/network/network-shape.js';

const LIMIT = 127;
const clamp = (value) => Math.max(-LIMIT, Math.min(LIMIT, value));
const rounded = (value, shift) => (shift <= 0 ? value : (value + (1 << (shift - 1))) >> shift);
const size = ([height, width, channels]) => height * width * channels;

/** The weights that a learned state leaves: those of pruned edges are 0, or negated. */
export function effectiveWeights(network, state, threshold) {
  const offsets = layerOffsets(network);
  return network.layers.map((layer, index) => {
    const weights = network.weights.slice(offsets[index], offsets[index] + layer.edges);
    const pruned = layer.belowThreshold === 'negate' ? -1 : 0;
    return weights.map((weight, edge) => (state[offsets[index] + edge] < threshold ? weight * pruned : weight));
  });
}

/**
 * Goes through one image and back. Returns the prediction and, of each layer, the shares of outputs at 0 and at 127 and of
 * deltas at -127 or 127; deltas are undefined where every loss gradient is 0.
 */
export function layerHealth(network, weights, image, label) {
  const passes = forward(network, weights, image);
  const { acc, exponent } = passes.at(-1);
  let delta = lossGradient(passes.at(-1).output, exponent, label, network.lossShift);
  const anyLoss = delta.some((value) => value !== 0);
  const deltas = [];
  for (let index = network.layers.length - 1; anyLoss && index >= 0; index--) {
    deltas[index] = delta;
    if (index > 0) delta = errorBelow(network.layers, index, weights[index], passes[index], delta);
  }
  const share = (values, is) => values.filter(is).length / values.length;
  return {
    prediction: acc.indexOf(acc.reduce((most, value) => Math.max(most, value))),
    layers: passes.map(({ output }, index) => ({
      atZero: share(output, (value) => value === 0),
      atLimit: share(output, (value) => value === LIMIT),
      deltasAtLimit: deltas[index] && share(deltas[index], (value) => Math.abs(value) === LIMIT),
    })),
  };
}

function forward(network, weights, image) {
  let input = Int32Array.from(image);
  let exponent = network.inputExponent;
  let firstBias = 0;
  return network.layers.map((layer, index) => {
    const [rows, columns, channels] = mapShape(layer);
    const acc = new Int32Array(rows * columns * channels);
    if (layer.op === 'sum_pool') for (const [i, value] of input.entries()) acc[i % channels] += value;
    eachRun(layer, (output, from, edge, count) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += input[from + i] * weights[index][edge + i];
      acc[output] += sum;
    });
    exponent += layer.weightExponent;
    if (layer.biasExponent !== undefined) {
      const shift = Math.min(14, Math.max(-30, layer.biasExponent - exponent));
      for (let i = 0; i < acc.length; i++) {
        const bias = network.biases[firstBias + (i % channels)];
        acc[i] += shift >= 0 ? bias * 2 ** shift : rounded(bias, -shift);
      }
      firstBias += layerBiases(layer);
    }
    const { activation } = layer.shifts;
    exponent += activation;
    const kept = pooled(layer, acc);
    const output = Int32Array.from(kept, (i) => clamp(rounded(layer.relu ? Math.max(acc[i], 0) : acc[i], activation)));
    const pass = { input, acc, kept, output, exponent };
    input = output;
    return pass;
  });
}

/** Calls `visit` for each run of inputs that stand beside each other, and of the edges from them to one output. */
function eachRun(layer, visit) {
  const [height, width, channels] = inputShape(layer);
  const [rows, columns, outputs] = mapShape(layer);
  if (layer.op === 'linear') for (let o = 0; o < outputs; o++) visit(o, 0, o * channels, channels);
  if (layer.op !== 'conv2d') return;
  const { kernel, stride, padding, depthwise } = layer;
  const seen = depthwise ? 1 : channels;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let ky = 0; ky < kernel[0]; ky++)
        for (let kx = 0; kx < kernel[1]; kx++) {
          const iy = y * stride[0] + ky - padding[0];
          const ix = x * stride[1] + kx - padding[1];
          if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
          for (let o = 0; o < outputs; o++) {
            const from = (iy * width + ix) * channels + (depthwise ? o : 0);
            visit((y * columns + x) * outputs + o, from, ((o * kernel[0] + ky) * kernel[1] + kx) * seen, seen);
          }
        }
}

/** The accumulator that each output is made of: the first maximum of its window. */
function pooled(layer, acc) {
  const [, columns, channels] = mapShape(layer);
  if (!layer.pool) return Int32Array.from(acc.keys());
  const [rows, across] = outputShape(layer);
  return Int32Array.from({ length: rows * across * channels }, (_, output) => {
    const [position, c] = [Math.floor(output / channels), output % channels];
    const corner = 2 * Math.floor(position / across) * columns + 2 * (position % across);
    const window = [0, 1, columns, columns + 1].map((step) => (corner + step) * channels + c);
    return window.reduce((best, i) => (acc[i] > acc[best] ? i : best));
  });
}

function lossGradient(logits, exponent, label, lossShift) {
  const e = Math.min(15, Math.max(-6, exponent));
  const scaled = Array.from(logits, (logit) => {
    const s = Math.trunc((logit * 47274) / 32768);
    return e >= 0 ? s * 2 ** e : Math.trunc(s / 2 ** -e);
  });
  const most = Math.max(...scaled);
  const powers = scaled.map((s) => 2 ** Math.max(s - most + 10, 0) - 1);
  const sum = powers.reduce((a, b) => a + b);
  const gradient = powers.map((power) => Math.trunc((power * 2048) / sum));
  gradient[label] -= gradient.reduce((a, b) => a + b);
  return Int32Array.from(gradient, (value) => clamp(rounded(value, lossShift)));
}

/** The delta of the layer below. */
function errorBelow(layers, index, weights, { input, acc, kept }, delta) {
  const layer = layers[index];
  const full = new Int32Array(acc.length);
  for (const [i, value] of delta.entries()) full[kept[i]] = value;
  const error = new Int32Array(size(inputShape(layer)));
  if (layer.op === 'sum_pool') for (const i of error.keys()) error[i] = full[i % full.length];
  eachRun(layer, (output, from, edge, count) => {
    const value = full[output];
    if (value === 0) return;
    for (let i = 0; i < count; i++) error[from + i] += value * weights[edge + i];
  });
  const { relu } = layers[index - 1];
  return error.map((value, i) => (relu && input[i] <= 0 ? 0 : clamp(rounded(value, layer.shifts.error))));
}
