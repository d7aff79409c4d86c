/**
 * The sums of products of one layer on the host, in doubles: exact for integers, since they stay below 2^53. What the
 * import compares a quantised network with its origin by; training and measuring is the engine's.
 */
import type { MapShape } from './steps.js';

/** What decides a layer's sums, apart from its numbers. */
export interface LayerGeometry {
  readonly op: 'conv2d' | 'sum_pool' | 'linear';
  readonly input: MapShape;
  /** The shape of the output before a pool. */
  readonly output: MapShape;
  readonly depthwise?: boolean;
  readonly kernel?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number, number, number];
}

/** One layer with its weights arranged for the loops below: what belongs to one input stands together. */
export class Accumulator {
  private readonly weights: Float32Array;
  private readonly sums: Float64Array;

  /**
   * Makes the sums of one layer.
   * @param weights canonical edge order
   */
  constructor(
    private readonly geometry: LayerGeometry,
    weights: ArrayLike<number>,
  ) {
    const { output } = geometry;
    this.sums = new Float64Array(output[0] * output[1] * output[2]);
    this.weights = new Float32Array(weights.length);
    const outputs = output[2];
    const fanIn = weights.length / outputs;
    for (let o = 0; o < outputs; o++) {
      for (let tap = 0; tap < fanIn; tap++) this.weights[tap * outputs + o] = weights[o * fanIn + tap]!;
    }
  }

  /**
   * Sums up one image's inputs.
   *
   * @param input HWC
   * @param bias one an output channel; left out: none
   * @returns HWC, before pool and ReLU; the same array every time
   */
  run(input: Float64Array, bias?: ArrayLike<number>): Float64Array {
    const { sums } = this;
    if (bias === undefined) sums.fill(0);
    else for (let at = 0; at < sums.length; at += bias.length) sums.set(bias, at);
    if (this.geometry.op === 'sum_pool') this.sumPool(input);
    else if (this.geometry.op === 'linear') this.tap(input, 0, input.length, 0, 0);
    else this.convolve(input);
    return sums;
  }

  private convolve(input: Float64Array): void {
    const { input: inShape, output, kernel, stride, padding, depthwise } = this.geometry;
    const [height, width, channels] = inShape;
    for (let y = 0; y < output[0]; y++) {
      for (let ky = 0; ky < kernel![0]; ky++) {
        const row = y * stride![0] + ky - padding![0];
        if (row < 0 || row >= height) continue;
        for (let x = 0; x < output[1]; x++) {
          for (let kx = 0; kx < kernel![1]; kx++) {
            const column = x * stride![1] + kx - padding![1];
            if (column < 0 || column >= width) continue;
            const from = (row * width + column) * channels;
            const to = (y * output[1] + x) * output[2];
            const position = ky * kernel![1] + kx;
            if (depthwise) this.depthwiseTap(input, from, channels, position * channels, to);
            else this.tap(input, from, channels, position * channels * output[2], to);
          }
        }
      }
    }
  }

  /** Adds `count` inputs from `from` on to all output channels of one position. */
  private tap(input: Float64Array, from: number, count: number, weight: number, to: number): void {
    const { sums, weights } = this;
    const outputs = this.geometry.output[2];
    let base = weight;
    for (let c = 0; c < count; c++, base += outputs) {
      const value = input[from + c]!;
      if (value === 0) continue;
      for (let o = 0; o < outputs; o++) sums[to + o]! += value * weights[base + o]!;
    }
  }

  private depthwiseTap(input: Float64Array, from: number, count: number, weight: number, to: number): void {
    for (let c = 0; c < count; c++) this.sums[to + c]! += input[from + c]! * this.weights[weight + c]!;
  }

  private sumPool(input: Float64Array): void {
    const channels = this.sums.length;
    for (let i = 0; i < input.length; i++) this.sums[i % channels]! += input[i]!;
  }
}

/** Takes the largest of every 2x2 window; an odd last row or column is dropped. HWC. */
export function maxPool(values: Float64Array, [height, width, channels]: MapShape): Float64Array {
  const [rows, columns] = [Math.floor(height / 2), Math.floor(width / 2)];
  const pooled = new Float64Array(rows * columns * channels);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let c = 0; c < channels; c++) {
        const at = (2 * y * width + 2 * x) * channels + c;
        const below = at + width * channels;
        pooled[(y * columns + x) * channels + c] = Math.max(
          values[at]!,
          values[at + channels]!,
          values[below]!,
          values[below + channels]!,
        );
      }
    }
  }
  return pooled;
}

/** Returns where the first of the largest values stands. */
export function firstMaximum(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
