/** A network of real numbers with the layers that priot has: what a file means, before it is quantised. */
import type { NodePlace } from './refusal.js';
import type { MapShape } from './steps.js';

interface FloatLayerBase {
  readonly name: string;
  /** The node of the file it comes from. */
  readonly node: NodePlace;
  readonly input: MapShape;
  readonly relu: boolean;
  /** Outputs are clipped here as well (ReLU6). */
  readonly highest?: number;
  /** Canonical edge order, as a Network has it. */
  readonly weights: Float64Array;
  /** One an output channel. */
  readonly bias: Float64Array;
}

export interface FloatConvolution extends FloatLayerBase {
  readonly op: 'conv2d';
  readonly depthwise: boolean;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** [top, left, bottom, right] */
  readonly padding: readonly [number, number, number, number];
  readonly pool: boolean;
  /** The shape of the output before the pool. */
  readonly output: MapShape;
}

/** The sum over a map; `bias` and `weights` are empty. */
export interface FloatSumPool extends FloatLayerBase {
  readonly op: 'sum_pool';
  readonly output: MapShape;
}

export interface FloatLinear extends FloatLayerBase {
  readonly op: 'linear';
  readonly output: MapShape;
}

export type FloatLayer = FloatConvolution | FloatSumPool | FloatLinear;

/** How pixels become what the first layer reads: pixel * scale + shift, by channel. */
export interface PixelNormalisation {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

export interface FloatNetwork {
  /** The normalisation before the first layer, as the file has it: of what the user's normalisation gives. */
  readonly input: PixelNormalisation;
  readonly layers: readonly FloatLayer[];
}

/** Returns a layer's output shape after its pool. */
export function pooledShape(layer: FloatLayer): MapShape {
  if (layer.op !== 'conv2d' || !layer.pool) return layer.output;
  return [Math.floor(layer.output[0] / 2), Math.floor(layer.output[1] / 2), layer.output[2]];
}
