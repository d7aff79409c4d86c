/**
 * One training step as docs/arithmetic.md writes it down, loop by loop and without a thought for speed: an independent
 * reading that the engine's kernels are compared with.
 */
import type { Network, NetworkLayer } from '#host/network/network.js';
import {
  hasPool,
  inputShape,
  layerBiases,
  layerOffsets,
  mapShape,
  outputShape,
  type Shape,
} from '#host/network/network-shape.js';
import type { MethodSettings } from '#host/network/open-network.js';

const size = ([height, width, channels]: Shape) => height * width * channels;
const clamp = (value: number) => Math.min(127, Math.max(-127, value));
const int32 = (value: number) => {
  if (value !== (value | 0)) throw new Error(`${value} is no int32`);
  return value;
};

/** R: rounds half up. */
function rounded(value: number, shift: number): number {
  return shift <= 0 ? value : int32(value + (1 << (shift - 1))) >> shift;
}

/** P: NITI's pseudo-stochastic rounding. */
function stochastic(value: number, shift: number): number {
  if (shift <= 0) return value;
  const magnitude = Math.abs(value);
  const remainder = magnitude & ((1 << shift) - 1);
  const half = shift >> 1;
  const probability = remainder >> half;
  const draw = (remainder & ((1 << half) - 1)) << (shift % 2);
  return Math.sign(value) * ((magnitude >> shift) + (probability > draw ? 1 : 0));
}

/** b: 0 for a tensor of zeros, else ceil(log2 max|t|). */
function bits(values: readonly number[]): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let width = 0;
  while (2 ** width < largest) width++;
  return width;
}

function fnv(bytes: Iterable<number>): number {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ (byte & 0xff), 16777619) >>> 0;
  return hash;
}

function littleEndian(values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** One product of a layer's sums: in[input] * W[edge] belongs to acc[output]. */
type Product = (output: number, input: number, edge: number) => void;

function eachProduct(layer: NetworkLayer, visit: Product): void {
  const [height, width, channels] = inputShape(layer);
  const [rows, columns, outputs] = mapShape(layer);
  if (layer.op === 'sum_pool') return;
  if (layer.op === 'linear') {
    for (let o = 0; o < outputs; o++) for (let i = 0; i < channels; i++) visit(o, i, o * channels + i);
    return;
  }
  const { kernel, stride, padding, depthwise } = layer;
  const seen = depthwise ? 1 : channels;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let o = 0; o < outputs; o++)
        for (let ky = 0; ky < kernel[0]; ky++)
          for (let kx = 0; kx < kernel[1]; kx++) {
            const iy = y * stride[0] + ky - padding[0];
            const ix = x * stride[1] + kx - padding[1];
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            for (let c = 0; c < seen; c++) {
              const input = (iy * width + ix) * channels + (depthwise ? o : c);
              visit((y * columns + x) * outputs + o, input, ((o * kernel[0] + ky) * kernel[1] + kx) * seen + c);
            }
          }
}

interface Pass {
  input: number[];
  acc: number[];
  shift: number;
  /** Of each output: the accumulator that it was made of. */
  from: number[];
  output: number[];
}

/** What a layer's tensors ask for, and the checksums that a case lists for debugging. The sums of a zero loss are 0. */
export interface ReferenceDebug {
  /** b of acc, of the delta, of eacc, of G and of G*W. */
  bits: { accumulator: number; delta: number; error: number; gradient: number; weighted: number };
  accumulator: number;
  errorAccumulator: number;
  /** Of G*W. */
  weighted: number;
}

export interface ReferenceResult {
  prediction: number;
  lossZero: boolean;
  logits: number[];
  lossGradient: Int8Array;
  layers: { input: number; delta: number; state: number }[];
}

export class Reference {
  private readonly offsets: number[];
  /** Of the last step, first layer to last. */
  readonly debug: ReferenceDebug[] = [];

  constructor(
    private readonly network: Network,
    private readonly settings: MethodSettings,
    readonly state: Int8Array,
  ) {
    this.offsets = layerOffsets(network);
  }

  get classes(): number {
    return outputShape(this.network.layers.at(-1)!)[2];
  }

  step(image: Uint8Array, label: number): ReferenceResult {
    const { layers } = this.network;
    const passes: Pass[] = [];
    let values = [...image];
    let exponent = this.network.inputExponent;
    let bias = 0;
    for (const layer of layers) {
      exponent += layer.weightExponent;
      const pass = this.forward(layer, values, exponent, bias);
      bias += layer.biasExponent === undefined ? 0 : layerBiases(layer);
      exponent += pass.shift;
      values = pass.output;
      passes.push(pass);
    }
    const logits = passes.at(-1)!.acc;
    const prediction = logits.indexOf(logits.reduce((most, value) => Math.max(most, value)));
    let delta = this.lossGradient(passes.at(-1)!, exponent, label);
    const lossGradient = Int8Array.from(delta);
    const lossZero = delta.every((value) => value === 0);
    const deltas: number[][] = layers.map((layer) => Array<number>(size(outputShape(layer))).fill(0));
    for (const [l, layer] of layers.entries()) {
      const { input, acc } = passes[l]!;
      this.observe(l, acc, [], Array<number>(input.length).fill(0), Array<number>(layer.edges).fill(0));
    }
    for (let l = layers.length - 1; l >= 0 && !lossZero; l--) {
      deltas[l] = delta;
      delta = this.backward(l, passes, delta);
    }
    return {
      prediction,
      lossZero,
      logits,
      lossGradient,
      layers: layers.map((layer, l) => ({
        input: fnv(passes[l]!.input),
        delta: fnv(deltas[l]!),
        state: fnv(this.state.subarray(this.offsets[l], this.offsets[l]! + layer.edges)),
      })),
    };
  }

  private get dynamic(): boolean {
    return this.settings.method === 'niti-dynamic';
  }

  private get learnsScores(): boolean {
    return this.settings.method === 'priot' || this.settings.method === 'priot-s';
  }

  private weight(layer: NetworkLayer, edge: number): number {
    const index = this.offsets[this.network.layers.indexOf(layer)]! + edge;
    if (!this.learnsScores) return this.state[index]!;
    const weight = this.network.weights[index]!;
    if ((this.settings.scored?.[index] ?? 1) === 0 || this.state[index]! >= this.settings.threshold) return weight;
    return layer.belowThreshold === 'negate' ? -weight : 0;
  }

  private forward(layer: NetworkLayer, input: number[], exponent: number, firstBias: number): Pass {
    const shape = mapShape(layer);
    const acc = Array<number>(size(shape)).fill(0);
    eachProduct(layer, (output, i, edge) => {
      acc[output]! += input[i]! * this.weight(layer, edge);
    });
    if (layer.op === 'sum_pool') for (const [i, value] of input.entries()) acc[i % shape[2]]! += value;
    if (layer.biasExponent !== undefined) {
      const shift = Math.min(14, Math.max(-30, layer.biasExponent - exponent));
      for (let i = 0; i < acc.length; i++) {
        const value = this.network.biases![firstBias + (i % shape[2])]!;
        acc[i]! += shift >= 0 ? value * 2 ** shift : rounded(value, -shift);
      }
    }
    acc.forEach(int32);
    const shift = this.dynamic ? Math.max(0, bits(acc) - 7) : layer.shifts!.activation;
    const from = pooled(layer, acc);
    const output = from.map((i) => clamp(rounded(layer.relu ? Math.max(acc[i]!, 0) : acc[i]!, shift)));
    return { input, acc, shift, from, output };
  }

  private lossGradient({ acc, shift }: Pass, exponent: number, label: number): number[] {
    const e = Math.min(15, Math.max(-6, exponent));
    const scaled = acc.map((value) => {
      const s = Math.trunc((clamp(rounded(value, shift)) * 47274) / 32768);
      return e >= 0 ? s * 2 ** e : Math.trunc(s / 2 ** -e);
    });
    const most = scaled.reduce((a, b) => Math.max(a, b));
    const powers = scaled.map((s) => 2 ** Math.max(s - most + 10, 0) - 1);
    const sum = powers.reduce((a, b) => a + b);
    const g = powers.map((power) => Math.trunc((power * 2048) / sum));
    g[label]! -= g.reduce((a, b) => a + b);
    return g.map((value) => clamp(rounded(value, this.network.lossShift)));
  }

  /** Updates layer l, and returns the delta of the layer below, made with the old learned state. */
  private backward(l: number, passes: readonly Pass[], delta: readonly number[]): number[] {
    const layer = this.network.layers[l]!;
    const { input, acc, from } = passes[l]!;
    const full = Array<number>(acc.length).fill(0);
    for (const [i, value] of delta.entries()) full[from[i]!] = value;
    const error = Array<number>(input.length).fill(0);
    const gradient = Array<number>(layer.edges).fill(0);
    eachProduct(layer, (output, i, edge) => {
      if (full[output] === 0) return;
      error[i]! += full[output]! * this.weight(layer, edge);
      gradient[edge]! += full[output]! * input[i]!;
    });
    if (layer.op === 'sum_pool') for (const i of error.keys()) error[i] = full[i % full.length]!;
    this.observe(l, acc, delta, error, gradient);
    this.update(layer, gradient);
    if (l === 0) return [];
    const below = this.network.layers[l - 1]!;
    const shift = this.dynamic ? Math.max(0, bits(error) - 7) : layer.shifts!.error!;
    return error.map((value, i) => (below.relu && input[i]! <= 0 ? 0 : clamp(rounded(value, shift))));
  }

  private observe(
    l: number,
    acc: readonly number[],
    delta: readonly number[],
    error: readonly number[],
    gradient: readonly number[],
  ): void {
    const weighted = gradient.map((g, edge) => g * this.network.weights[this.offsets[l]! + edge]!);
    this.debug[l] = {
      bits: {
        ...{ accumulator: bits(acc), delta: bits(delta), error: bits(error) },
        ...{ gradient: bits(gradient), weighted: bits(weighted) },
      },
      accumulator: fnv(littleEndian(acc)),
      errorAccumulator: fnv(littleEndian(error)),
      weighted: fnv(littleEndian(weighted)),
    };
  }

  private update(layer: NetworkLayer, gradient: readonly number[]): void {
    const first = this.offsets[this.network.layers.indexOf(layer)]!;
    const shift = this.dynamic
      ? Math.max(0, bits(gradient) - (this.settings.mu ?? 0))
      : ((this.learnsScores ? layer.shifts!.score : layer.shifts!.gradient) ?? 0);
    for (const [edge, g] of gradient.entries()) {
      const index = first + edge;
      if ((this.settings.scored?.[index] ?? 1) === 0) continue;
      const step = this.learnsScores
        ? rounded(int32(g * this.network.weights[index]!), shift)
        : stochastic(int32(g), shift);
      this.state[index] = clamp(this.state[index]! - clamp(step));
    }
  }
}

/** The accumulator that each output is made of: the first maximum of its window. */
function pooled(layer: NetworkLayer, acc: readonly number[]): number[] {
  const [rows, columns, channels] = mapShape(layer);
  if (!hasPool(layer)) return acc.map((_, i) => i);
  const from: number[] = [];
  for (let y = 0; y < Math.floor(rows / 2); y++)
    for (let x = 0; x < Math.floor(columns / 2); x++)
      for (let c = 0; c < channels; c++) {
        const window = [0, 1, columns, columns + 1].map((step) => (2 * y * columns + 2 * x + step) * channels + c);
        from.push(window.reduce((best, i) => (acc[i]! > acc[best]! ? i : best)));
      }
  return from;
}
