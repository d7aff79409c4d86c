/** x * scale + shift on its way into the weights. */
import type { AffineStep, MapShape, Spread } from './steps.js';

/** A scaling by channel (a single value stands for all of them) or by feature. */
export interface Scaling {
  readonly over: 'channel' | 'feature';
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** Returns the scaling that changes nothing. */
export function identity(channels: number): Scaling {
  return { over: 'channel', scale: new Float64Array(channels).fill(1), shift: new Float64Array(channels) };
}

export function isIdentity({ scale, shift }: Scaling): boolean {
  return scale.every((value) => value === 1) && shift.every((value) => value === 0);
}

/** Reads a step's scaling, of a map of this shape; on a single position features are channels. */
export function scalingOf({ scale, shift }: AffineStep, [height, width, channels]: MapShape): Scaling {
  const single = height * width === 1;
  const byFeature = !single && (scale.over === 'feature' || shift.over === 'feature');
  const length = (spread: Spread): number => (spread.over === 'all' ? 1 : spread.values.length);
  const count = byFeature ? height * width * channels : Math.max(length(scale), length(shift));
  return {
    over: byFeature ? 'feature' : 'channel',
    scale: repeated(scale.values, count),
    shift: repeated(shift.values, count),
  };
}

/** Returns `second` after `first`. */
export function composed(first: Scaling, second: Scaling, channels: number): Scaling {
  const over = first.over === 'feature' || second.over === 'feature' ? 'feature' : 'channel';
  const count = Math.max(first.scale.length, second.scale.length, over === 'channel' ? 1 : channels);
  const [a, b] = [spreadOver(first, count), spreadOver(second, count)];
  return {
    over,
    scale: a.scale.map((value, i) => value * b.scale[i]!),
    shift: a.shift.map((value, i) => value * b.scale[i]! + b.shift[i]!),
  };
}

/** Returns scale and shift with `count` values each, a multiple of what they have: channels lie side by side. */
export function spreadOver({ scale, shift }: Scaling, count: number): { scale: Float64Array; shift: Float64Array } {
  return { scale: repeated(scale, count), shift: repeated(shift, count) };
}

function repeated(values: Float64Array, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => values[i % values.length]!);
}
