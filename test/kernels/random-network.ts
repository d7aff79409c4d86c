/** Networks of all that docs/arithmetic.md allows, from a seed: shapes, biases, shifts and weights that make steps. */
import type { Conv2dLayer, LayerShifts, Network, NetworkLayer } from '#host/network/network.js';
import {
  edgeCount,
  fanIn,
  imageBytes,
  layerEdges,
  mapShape,
  outputShape,
  type Shape,
} from '#host/network/network-shape.js';
import type { MethodSettings } from '#host/network/open-network.js';
import { Xorshift32 } from '#host/random.js';

export interface RandomTraining {
  network: Network;
  state: Int8Array;
  scored: Uint8Array;
  images: Uint8Array[];
}

class Dice {
  private readonly random: Xorshift32;

  constructor(seed: number) {
    this.random = new Xorshift32(seed * 2654435761);
    for (let i = 0; i < 8; i++) this.random.next();
  }

  /** least..most */
  between(least: number, most: number): number {
    return least + (this.random.next() % (most - least + 1));
  }

  chance(share: number): boolean {
    return this.random.next() < share * 2 ** 32;
  }

  pick<T>(...choices: readonly T[]): T {
    return choices[this.random.next() % choices.length]!;
  }
}

/** @param steps images to make */
export function randomTraining(seed: number, steps: number): RandomTraining {
  const dice = new Dice(seed);
  return trainingOf(dice, randomLayers(dice), steps);
}

/** Networks most of whose edges are in convolutions with as many channels as fast kernels want. */
export function wideTraining(seed: number, steps: number): RandomTraining {
  const dice = new Dice(seed);
  return trainingOf(dice, wideLayers(dice), steps);
}

function trainingOf(dice: Dice, layers: NetworkLayer[], steps: number): RandomTraining {
  const weightLimit = dice.pick(127, 127, 15, 3);
  const weights = Int8Array.from({ length: edgeCount({ layers }) }, () => dice.between(-weightLimit, weightLimit));
  const biasCount = layers.reduce((sum, layer) => sum + (layer.biasExponent === undefined ? 0 : mapShape(layer)[2]), 0);
  const biases = Int16Array.from({ length: biasCount }, () => dice.between(-32767, 32767));
  const network = {
    inputExponent: -7,
    lossShift: dice.between(0, 4),
    layers,
    weights,
    ...(biasCount > 0 && { biases }),
  };
  const zeros = dice.pick(0, 0.3, 0.8);
  return {
    network,
    state: weights.map(() => dice.between(-110, 60)),
    scored: Uint8Array.from(
      layers.flatMap(({ edges }) => {
        const share = dice.pick(0, 0.1, 0.5, 1);
        return Array.from({ length: edges }, () => (dice.chance(share) ? 1 : 0));
      }),
    ),
    images: Array.from({ length: steps }, () =>
      Uint8Array.from({ length: imageBytes(network) }, () => (dice.chance(zeros) ? 0 : dice.between(0, 127))),
    ),
  };
}

/** The settings of each method for a training. */
export function allMethods({ scored }: RandomTraining, seed: number): MethodSettings[] {
  return [
    { method: 'priot', threshold: -64 },
    { method: 'priot-s', threshold: -32, scored },
    { method: 'niti-static', threshold: 0 },
    { method: 'niti-dynamic', threshold: 0, mu: 1 + (seed % 7) },
  ];
}

const common = { edges: 0, weightExponent: 0, belowThreshold: 'zero' as const };

/** Adds layers with numbers to a list; the function that adds. */
function adder(dice: Dice, layers: NetworkLayer[]): (layer: NetworkLayer) => Shape {
  let exponent = -7;
  return (layer) => {
    const placed = withNumbers(dice, layer, layers.length === 0, exponent);
    exponent += placed.weightExponent + placed.shifts!.activation;
    layers.push(placed);
    return outputShape(placed);
  };
}

function wideLayers(dice: Dice): NetworkLayer[] {
  const layers: NetworkLayer[] = [];
  const add = adder(dice, layers);
  let shape: Shape = [dice.between(2, 9), dice.between(2, 9), dice.pick(1, 3, 8, 16)];
  for (let left = 3; left > 0; left--) {
    const side = dice.pick(3, 3, 3, 2, 1);
    const stride = dice.pick(1, 1, 1, 2);
    const around = dice.between(0, side - 1);
    const layer: Conv2dLayer = {
      ...common,
      name: `conv${left}`,
      op: 'conv2d',
      inShape: shape,
      outChannels: dice.pick(16, 24, 32, 40),
      depthwise: false,
      kernel: [side, side],
      stride: [stride, stride],
      padding: [around, around, around, around],
      pool: dice.chance(0.5),
      relu: left > 1 || dice.chance(0.7),
    };
    const fitting = [layer, { ...layer, pool: false }].find((candidate) => outputShape(candidate).every((n) => n > 0));
    if (fitting !== undefined) shape = add(fitting);
  }
  add({
    ...common,
    name: 'fc',
    op: 'linear',
    inFeatures: shape[0] * shape[1] * shape[2],
    outFeatures: 10,
    relu: false,
  });
  return layers;
}

/** The learned state that a method starts from. */
export function startOf({ network, state, scored }: RandomTraining, { method }: MethodSettings): Int8Array {
  if (method === 'niti-static' || method === 'niti-dynamic') return network.weights.slice();
  return method === 'priot' ? state.slice() : state.map((score, edge) => (scored[edge] === 0 ? 127 : score));
}

function randomLayers(dice: Dice): NetworkLayer[] {
  const layers: NetworkLayer[] = [];
  let shape: Shape = [dice.between(1, 13), dice.between(1, 13), dice.pick(1, 2, 3, 8)];
  const place = adder(dice, layers);
  const add = (layer: NetworkLayer) => {
    shape = place(layer);
  };
  for (let left = dice.between(0, 3); left > 0; left--) {
    const layer = randomConvolution(dice, shape, `conv${left}`);
    if (layer !== undefined) add(layer);
  }
  if (layers.length > 0 && dice.chance(0.4)) {
    add({ ...common, name: 'mean', op: 'sum_pool', inShape: shape, relu: false, edges: 0, weightExponent: 0 });
  }
  for (let left = dice.between(0, 2); left >= 0; left--) {
    const inFeatures = shape[0] * shape[1] * shape[2];
    const outFeatures = dice.pick(dice.between(2, 20), 8, 16);
    add({ ...common, name: `fc${left}`, op: 'linear', inFeatures, outFeatures, relu: left > 0 && dice.chance(0.7) });
  }
  return layers;
}

/** undefined: nothing of this kind fits the map. */
function randomConvolution(dice: Dice, inShape: Shape, name: string): Conv2dLayer | undefined {
  const square = dice.chance(0.4);
  const side = dice.between(1, 4);
  const kernel = square ? ([side, side] as const) : ([dice.between(1, 5), dice.between(1, 5)] as const);
  const stride = square ? ([1, 1] as const) : ([dice.between(1, 3), dice.between(1, 3)] as const);
  const around = dice.between(0, side - 1);
  const onSide = () => (dice.chance(0.1) ? dice.between(0, 9) : dice.between(0, 2));
  const padding = square
    ? ([around, around, around, around] as const)
    : ([onSide(), onSide(), onSide(), onSide()] as const);
  const depthwise = dice.chance(0.25);
  const layer: Conv2dLayer = {
    name,
    op: 'conv2d',
    inShape,
    outChannels: depthwise ? inShape[2] : dice.pick(dice.between(1, 20), 8, 16, 24),
    depthwise,
    kernel,
    stride,
    padding,
    pool: dice.chance(0.5),
    relu: dice.chance(0.75),
    edges: 0,
    weightExponent: 0,
    belowThreshold: 'zero',
  };
  return [layer, { ...layer, pool: false }].find((candidate) => outputShape(candidate).every((length) => length > 0));
}

function withNumbers(dice: Dice, layer: NetworkLayer, first: boolean, inputExponent: number): NetworkLayer {
  const most = fanIn(layer) * (layer.op === 'sum_pool' ? 127 : 127 * 60);
  const activation = Math.max(0, Math.ceil(Math.log2(most)) - dice.between(6, 9));
  const shifts: LayerShifts = {
    activation,
    ...(first ? {} : { error: layer.op === 'sum_pool' ? dice.between(0, 2) : dice.between(3, 11) }),
    ...(layer.op === 'sum_pool' ? {} : { score: dice.between(9, 18), gradient: dice.between(3, 14) }),
  };
  if (layer.op === 'sum_pool') return { ...layer, shifts };
  const weightExponent = dice.between(-10, -6);
  const biasExponent = inputExponent + weightExponent + dice.between(-18, 4);
  return {
    ...layer,
    edges: layerEdges(layer),
    weightExponent,
    belowThreshold: dice.pick('zero', 'negate'),
    ...(dice.chance(0.5) ? { biasExponent } : {}),
    shifts,
  };
}
