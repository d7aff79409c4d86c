/** The steps an image takes through a graph, as far as networks have them: what the rest of the import works on. */
import type { NodePlace } from './refusal.js';
import type { Tensor } from './tensor.js';

/** [height, width, channels] */
export type MapShape = readonly [number, number, number];

/** A convolution with its weights as the file has them: [out][in / groups][rows][columns]. */
export interface ConvolutionStep {
  readonly kind: 'convolution';
  readonly node: NodePlace;
  readonly weights: Tensor;
  readonly bias: Tensor | undefined;
  readonly groups: number;
  readonly stride: readonly [number, number];
  /** [top, left, bottom, right] */
  readonly padding: readonly [number, number, number, number];
}

/** weights: [out][in], `in` in the order height, width, channel. */
export interface LinearStep {
  readonly kind: 'linear';
  readonly node: NodePlace;
  readonly weights: Float64Array;
}

/** x * scale + shift: for every value the same, by channel, or by feature (height, width, channel). */
export interface AffineStep {
  readonly kind: 'affine';
  readonly node: NodePlace;
  readonly scale: Spread;
  readonly shift: Spread;
}

/** 0 for what is negative, and `highest` for what is above it. */
export interface RectifyStep {
  readonly kind: 'rectify';
  readonly node: NodePlace;
  readonly highest?: number;
}

export interface PlainStep {
  /** max_pool: 2x2, stride 2. mean: over the whole map. */
  readonly kind: 'max_pool' | 'mean';
  readonly node: NodePlace;
}

/** A step, the map it reads and the map it gives. */
export type Step = NewStep & {
  readonly input: MapShape;
  readonly output: MapShape;
};
/** A step before it is known what map it reads and gives. */
export type NewStep = ConvolutionStep | LinearStep | AffineStep | RectifyStep | PlainStep;

/** One value, one a channel, or one a feature in canonical order. */
export interface Spread {
  readonly over: 'all' | 'channel' | 'feature';
  readonly values: Float64Array;
}
