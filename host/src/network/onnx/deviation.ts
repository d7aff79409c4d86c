/** Where a quantised network parts from its origin, layer by layer. */
import type { Network } from '../network.js';
import { FloatForward } from './float-forward.js';
import type { FloatNetwork } from './float-network.js';
import { IntegerForward } from './integer-forward.js';

/** How far one layer's outputs are off, as a share of their own size: root mean square over all images. */
export interface LayerDeviation {
  readonly layer: string;
  /** The layer alone: of outputs made from the very inputs that the quantised layer had. */
  readonly own: number;
  /** The deviation with all that the layers below it were off. */
  readonly total: number;
}

interface Sums {
  own: number;
  ownSize: number;
  total: number;
  size: number;
}

/**
 * Compares layers on images, the largest deviation of its own first.
 *
 * @param origin with the normalisation of its training before it
 * @param folded the same reading what a device reads (withInputFolded)
 * @param network what `folded` was quantised to, with static shifts
 * @param images pixels 0..255, HWC
 */
export function layerDeviations(
  origin: FloatNetwork,
  folded: FloatNetwork,
  network: Network,
  images: Iterable<Uint8Array>,
): LayerDeviation[] {
  const [exact, alone, integers] = [
    new FloatForward(origin),
    new FloatForward(folded),
    new IntegerForward(network, 'static'),
  ];
  const sums = network.layers.map((): Sums => ({ own: 0, ownSize: 0, total: 0, size: 0 }));
  for (const image of images) {
    const wanted = exact.run(image);
    const inputs = image.map((pixel) => pixel >> 1);
    let below: Float64Array = Float64Array.from(inputs, (value) => value * 2 ** network.inputExponent);
    for (const [index, { values, exponent }] of integers.run(inputs).entries()) {
      const real = values.map((value) => value * 2 ** exponent);
      const sum = sums[index]!;
      const own = alone.layer(index, folded.layers[index]!, below);
      sum.own += squaredDistance(real, own);
      sum.ownSize += squaredDistance(own);
      sum.total += squaredDistance(real, wanted[index]!);
      sum.size += squaredDistance(wanted[index]!);
      below = real;
    }
  }
  const share = (distance: number, size: number): number => (size === 0 ? 0 : Math.sqrt(distance / size));
  return network.layers
    .map(({ name }, index) => {
      const { own, ownSize, total, size } = sums[index]!;
      return { layer: name, own: share(own, ownSize), total: share(total, size) };
    })
    .sort((a, b) => b.own - a.own);
}

function squaredDistance(a: Float64Array, b?: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - (b?.[i] ?? 0)) ** 2;
  return sum;
}
