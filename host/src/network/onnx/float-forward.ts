/** The network of the file, computed in floating point on the host: what the quantised one is measured against. */
import { Accumulator, firstMaximum, maxPool } from './accumulate.js';
import type { FloatLayer, FloatNetwork } from './float-network.js';

export class FloatForward {
  private readonly accumulators: readonly Accumulator[];

  constructor(private readonly network: FloatNetwork) {
    this.accumulators = network.layers.map((layer) => new Accumulator(layer, layer.weights));
  }

  /**
   * Computes one image.
   *
   * @param pixels 0..255, HWC
   * @returns every layer's outputs after pool and ReLU, HWC; the last are the logits
   */
  run(pixels: ArrayLike<number>): Float64Array[] {
    const { scale, shift } = this.network.input;
    let values: Float64Array = Float64Array.from(
      pixels,
      (pixel, i) => pixel * scale[i % scale.length]! + shift[i % shift.length]!,
    );
    return this.network.layers.map((layer, index) => {
      values = this.layer(index, layer, values);
      return values;
    });
  }

  /** Computes one layer, of the outputs of the one below. */
  layer(index: number, layer: FloatLayer, input: Float64Array): Float64Array {
    const sums = this.accumulators[index]!.run(input, layer.bias.length === 0 ? undefined : layer.bias);
    const values = layer.op === 'conv2d' && layer.pool ? maxPool(sums, layer.output) : sums.slice();
    if (!layer.relu) return values;
    const highest = layer.highest ?? Number.POSITIVE_INFINITY;
    for (let i = 0; i < values.length; i++) values[i] = Math.min(highest, Math.max(0, values[i]!));
    return values;
  }

  predict(pixels: ArrayLike<number>): number {
    return firstMaximum(this.run(pixels).at(-1)!);
  }
}
