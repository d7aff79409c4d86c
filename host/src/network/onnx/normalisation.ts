/** How pixels were normalised when a network was trained, and how that goes into its first layer. */
import { UsageError } from '../../errors.js';
import type { FloatNetwork, PixelNormalisation } from './float-network.js';
import { foldInto } from './fold-weights.js';

/** x = (pixel / scale - mean) / std. */
export interface Normalisation {
  /** What pixels of 0..255 are divided by. */
  readonly scale: number;
  /** One a channel, or one for all. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The normalisation that most networks are trained with: pixels of 0..1. */
export const usual: Normalisation = { scale: 255, mean: [0], std: [1] };

/** What people train with most, to compare with when accuracy is low. */
export const candidates: readonly { readonly options: string; readonly normalisation: Normalisation }[] = [
  { options: '--scale 255', normalisation: usual },
  { options: '--scale 1', normalisation: { ...usual, scale: 1 } },
  { options: '--mean 0.5 --std 0.5', normalisation: { scale: 255, mean: [0.5], std: [0.5] } },
  { options: '--mean 0.1307 --std 0.3081', normalisation: { scale: 255, mean: [0.1307], std: [0.3081] } },
  {
    options: '--mean 0.4914,0.4822,0.4465 --std 0.2470,0.2435,0.2616',
    normalisation: { scale: 255, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  },
  {
    options: '--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225',
    normalisation: { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
];

/** Tells whether a normalisation has a value for all channels alike or one for each. */
export function fitsChannels({ mean, std }: Normalisation, channels: number): boolean {
  return [mean, std].every(({ length }) => length === 1 || length === channels);
}

/**
 * Returns the network with this normalisation before what the file itself does to its input.
 *
 * @throws UsageError NORMALISATION_MALFORMED
 */
export function withNormalisation(network: FloatNetwork, normalisation: Normalisation): FloatNetwork {
  const { scale, mean, std } = normalisation;
  const channels = network.layers[0]!.input[2];
  const numbers = [scale, ...mean, ...std];
  if (
    !fitsChannels(normalisation, channels) ||
    !numbers.every(Number.isFinite) ||
    [scale, ...std].some((v) => v <= 0)
  ) {
    throw new UsageError(
      'NORMALISATION_MALFORMED',
      `mean ${mean.join(',')}, std ${std.join(',')}, scale ${scale} for ${channels} channels`,
      'give --mean and --std one number, or one a channel separated by commas; --std and --scale above 0',
    );
  }
  const own = network.input;
  const at = (values: readonly number[], channel: number): number => values[channel % values.length]!;
  const input: PixelNormalisation = {
    scale: own.scale.map((value, c) => value / (scale * at(std, c))),
    shift: own.shift.map((value, c) => value - (own.scale[c]! * at(mean, c)) / at(std, c)),
  };
  return { ...network, input };
}

/**
 * Returns a network that reads what a device reads, (pixel >> 1) / 128, with the normalisation in its first layer.
 *
 * @returns also how far the sums at the border are off at most, in parts of the layer's largest possible sum: zeros around
 *   the image stand for black there, and stood for the mean when the network was trained
 */
export function withInputFolded(network: FloatNetwork): { network: FloatNetwork; borderError: number } {
  const first = { ...network.layers[0]! };
  const { scale, shift } = network.input;
  const borderError = first.op === 'conv2d' ? largestBorderError(network) : 0;
  foldInto(first, { over: 'channel', scale: scale.map((value) => value * 256), shift });
  const neutral = { scale: scale.map(() => 1 / 256), shift: shift.map(() => 0) };
  return { network: { input: neutral, layers: [first, ...network.layers.slice(1)] }, borderError };
}

/** Finds the largest error at the corner where most of a kernel lies outside the map. */
function largestBorderError({ layers, input: { scale, shift } }: FloatNetwork): number {
  const first = layers[0]!;
  if (first.op !== 'conv2d') return 0;
  const [top, left, bottom, right] = first.padding;
  const [rows, columns] = first.kernel;
  const channels = first.depthwise ? 1 : first.input[2];
  let largest = 0;
  for (let o = 0; o < first.bias.length; o++) {
    let possible = 0;
    const off = [0, 0, 0, 0];
    for (let e = 0; e < rows * columns * channels; e++) {
      const channel = first.depthwise ? o : e % channels;
      const weight = first.weights[o * rows * columns * channels + e]!;
      const [ky, kx] = [Math.floor(e / channels / columns), Math.floor(e / channels) % columns];
      possible +=
        Math.abs(weight) * Math.max(Math.abs(shift[channel]!), Math.abs(255 * scale[channel]! + shift[channel]!));
      const outside = [ky < top, ky >= rows - bottom].flatMap((y) =>
        [kx < left, kx >= columns - right].map((x) => x || y),
      );
      outside.forEach((isOutside, corner) => {
        if (isOutside) off[corner]! += weight * shift[channel]!;
      });
    }
    if (possible > 0) largest = Math.max(largest, ...off.map((value) => Math.abs(value) / possible));
  }
  return largest;
}
