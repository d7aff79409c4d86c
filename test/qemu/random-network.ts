/** Random networks that train: shapes, shifts, weights, images, all from one seed. */
import type { Conv2dLayer, LinearLayer, MethodName, Network, NetworkLayer } from '#host/network/network.js';
import {
  edgeCount,
  fanIn,
  imageBytes,
  layerEdges,
  outputCount,
  outputShape,
  type Shape,
} from '#host/network/network-shape.js';
import { Xorshift32 } from '#host/random.js';

export interface RandomSession {
  readonly network: Network;
  readonly method: MethodName;
  readonly threshold: number;
  readonly mu: number;
  /** priot-s: a flag per edge. */
  readonly scored: Uint8Array;
  readonly state: Int8Array;
  readonly images: readonly Uint8Array[];
  readonly labels: readonly number[];
}

const METHODS: readonly MethodName[] = ['priot', 'priot-s', 'niti-static', 'niti-dynamic'];
const STEPS = 3;

/** Draws from a seeded generator. */
class Draw {
  readonly #random: Xorshift32;
  constructor(seed: number) {
    this.#random = new Xorshift32(seed);
    // neighbouring seeds begin alike
    for (let i = 0; i < 8; i++) this.#random.next();
  }
  /** A whole number from `from` to `to`, both included. */
  within(from: number, to: number): number {
    return from + (this.#random.next() % (to - from + 1));
  }
  oneOf<T>(values: readonly T[]): T {
    return values[this.within(0, values.length - 1)]!;
  }
  chance(share: number): boolean {
    return this.#random.next() < share * 2 ** 32;
  }
}

function convolution(draw: Draw, name: string, input: Shape, first: boolean): NetworkLayer {
  const [height, width] = input;
  const kernel = draw.within(1, Math.min(5, height, width));
  const stride = draw.oneOf([1, 1, 1, 2, 3]);
  const padding = draw.within(0, kernel - 1);
  const layer: Conv2dLayer = {
    ...common(draw, name),
    op: 'conv2d',
    inShape: input,
    outChannels: draw.oneOf([1, 3, 6, 8, 8, 16, 16, 24]),
    depthwise: false,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: [padding, padding, padding, padding],
    pool: false,
  };
  const [rows, columns] = outputShape(layer);
  return finished(draw, { ...layer, pool: Math.min(rows, columns) >= 2 && draw.chance(0.5) }, first);
}

function linear(draw: Draw, name: string, input: Shape, outputs: number, first: boolean, last: boolean): NetworkLayer {
  const base = common(draw, name);
  const inFeatures = input[0] * input[1] * input[2];
  return finished(
    draw,
    { ...base, op: 'linear', relu: last ? false : base.relu, inFeatures, outFeatures: outputs },
    first,
  );
}

function common(draw: Draw, name: string) {
  return {
    name,
    relu: draw.chance(0.8),
    edges: 0,
    weightExponent: 0,
    belowThreshold: draw.oneOf(['zero', 'negate'] as const),
  };
}

/** Shifts that leave most values within int8, some beyond, and some zero. */
function finished(draw: Draw, layer: Conv2dLayer | LinearLayer, first: boolean): NetworkLayer {
  const typical = Math.round(Math.log2(64 * Math.sqrt(fanIn(layer)))) + draw.within(-2, 2);
  const activation = Math.max(0, typical);
  const shifts = {
    activation,
    ...(first ? {} : { error: Math.max(0, typical - draw.within(1, 5)) }),
    score: draw.within(4, 18),
    gradient: draw.within(3, 12),
  };
  return { ...layer, edges: layerEdges(layer), weightExponent: draw.within(1, 2) - activation, shifts };
}

function layersOf(draw: Draw, input: Shape): NetworkLayer[] {
  const layers: NetworkLayer[] = [];
  let shape = input;
  const add = (layer: NetworkLayer) => {
    layers.push(layer);
    shape = outputShape(layer);
  };
  const name = () => `layer${layers.length + 1}`;
  for (let count = draw.within(0, 3); count > 0; count--) add(convolution(draw, name(), shape, layers.length === 0));
  if (draw.chance(0.5)) add(linear(draw, name(), shape, draw.oneOf([5, 8, 17, 32]), layers.length === 0, false));
  add(linear(draw, name(), shape, draw.within(2, 16), layers.length === 0, true));
  return layers;
}

/** Makes a session from a seed: the same one whenever it is asked. */
export function randomSession(seed: number): RandomSession {
  const draw = new Draw(seed);
  const input: Shape = [draw.within(1, 14), draw.within(1, 14), draw.oneOf([1, 1, 1, 2, 3, 8])];
  const layers = layersOf(draw, input);
  const largest = draw.oneOf([1, 15, 31, 127]);
  const edges = edgeCount({ layers });
  const weights = Int8Array.from({ length: edges }, () => draw.within(-largest, largest));
  const network: Network = { inputExponent: -7, lossShift: draw.within(0, 4), layers, weights };
  const method = draw.oneOf(METHODS);
  const threshold = draw.within(-100, 0);
  const learnsScores = method === 'priot' || method === 'priot-s';
  const share = draw.oneOf([0.02, 0.1, 0.5, 1]);
  const dark = draw.oneOf([0, 0.5, 0.9, 1]);
  return {
    network,
    method,
    threshold,
    mu: draw.within(1, 6),
    scored: Uint8Array.from({ length: edges }, () => (draw.chance(share) ? 1 : 0)),
    // most scores are near the threshold, and cross it sooner or later
    state: learnsScores ? weights.map(() => Math.max(-127, threshold + draw.within(-12, 30))) : weights,
    images: Array.from({ length: STEPS }, () =>
      Uint8Array.from({ length: imageBytes(network) }, () => (draw.chance(dark) ? 0 : draw.within(1, 127))),
    ),
    labels: Array.from({ length: STEPS }, () => draw.within(0, outputCount(network) - 1)),
  };
}
