import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '#host/device/device.js';
import { Link } from '#host/link/link.js';
import type { StepResult } from '#host/link/messages.js';
import type { MethodName, Network, NetworkLayer } from '#host/network/network.js';
import {
  edgeCount,
  imageBytes,
  layerEdges,
  outputCount,
  outputShape,
  type Shape,
} from '#host/network/network-shape.js';
import type { KernelName } from '#host/network/open-network.js';
import { Xorshift32 } from '#host/random.js';
import { putNetwork } from '#host/training/network-on-device.js';
import { isTaken } from '../extent.js';

/** What an architecture says of a layer; shapes follow. */
type Shorthand =
  | { conv: number; kernel: number; stride?: number; padding?: number; pool?: boolean; relu?: boolean; bias?: boolean }
  | { linear: number; relu?: boolean };

function layersOf(
  input: Shape,
  layers: readonly Shorthand[],
  shift: number,
  errorShift: number,
  scoreShifts: readonly number[],
): NetworkLayer[] {
  let shape = input;
  return layers.map((layer, index) => {
    const common = {
      name: `layer${index + 1}`,
      relu: layer.relu ?? index + 1 < layers.length,
      edges: 0,
      weightExponent: 2 - shift,
      belowThreshold: index % 2 === 0 ? ('zero' as const) : ('negate' as const),
      shifts: {
        activation: shift,
        ...(index === 0 ? {} : { error: errorShift }),
        score: scoreShifts[index % scoreShifts.length] as number,
        gradient: 6,
      },
    };
    const padding = 'conv' in layer ? (layer.padding ?? 0) : 0;
    const shaped: NetworkLayer =
      'conv' in layer
        ? {
            ...common,
            op: 'conv2d',
            inShape: shape,
            outChannels: layer.conv,
            depthwise: false,
            kernel: [layer.kernel, layer.kernel],
            stride: [layer.stride ?? 1, layer.stride ?? 1],
            padding: [padding, padding, padding, padding],
            pool: layer.pool ?? false,
            // The sums' own exponent: the input's and what weights and shifts add to it.
            ...(layer.bias && { biasExponent: 2 * index - 5 - shift }),
          }
        : { ...common, op: 'linear', inFeatures: shape[0] * shape[1] * shape[2], outFeatures: layer.linear };
    shape = outputShape(shaped);
    return { ...shaped, edges: layerEdges(shaped) };
  });
}

/** Shapes that take each path of the kernels, and those that are left to the plain ones. */
const shapes: Record<string, { input: Shape; layers: Shorthand[] }> = {
  'reads pixels of one channel, gathers eight': {
    input: [9, 11, 1],
    layers: [
      { conv: 8, kernel: 3, padding: 1, pool: true },
      { conv: 16, kernel: 3, padding: 1, pool: true },
      { linear: 16 },
      { linear: 10 },
    ],
  },
  'biases, five by five, outputs that fill no group': {
    input: [14, 12, 1],
    layers: [
      { conv: 6, kernel: 5, padding: 2, pool: true, bias: true },
      { conv: 19, kernel: 3, padding: 1, pool: true, bias: true },
      { conv: 12, kernel: 2, bias: true },
      { linear: 12 },
      { linear: 5 },
    ],
  },
  'biases, three by three, outputs that fill no group': {
    input: [10, 9, 1],
    layers: [
      { conv: 14, kernel: 3, padding: 1, pool: true, bias: true },
      { conv: 33, kernel: 3, pool: true, bias: true },
      { linear: 20 },
    ],
  },
  'three by three, an odd number of outputs': {
    input: [10, 9, 1],
    layers: [
      { conv: 11, kernel: 3, padding: 1, pool: true },
      { conv: 3, kernel: 3, pool: true, bias: true },
      { linear: 12 },
    ],
  },
  'five by five, even kernel, no padding': {
    input: [12, 10, 1],
    layers: [{ conv: 8, kernel: 5, padding: 2 }, { conv: 8, kernel: 4, pool: true }, { linear: 8 }, { linear: 5 }],
  },
  'strides, no pools': {
    input: [13, 9, 3],
    layers: [
      { conv: 16, kernel: 5, stride: 2, padding: 2 },
      { conv: 8, kernel: 3, stride: 3, padding: 1 },
      { linear: 7 },
    ],
  },
  'hidden layers without ReLU': {
    input: [8, 8, 2],
    layers: [{ conv: 8, kernel: 3, padding: 1, pool: true, relu: false }, { linear: 24, relu: false }, { linear: 8 }],
  },
  'a convolution without ReLU above one with': {
    input: [9, 7, 1],
    layers: [
      { conv: 8, kernel: 3, padding: 1 },
      { conv: 24, kernel: 3, padding: 1, pool: true, relu: false },
      { conv: 8, kernel: 2 },
      { linear: 17 },
      { linear: 3 },
    ],
  },
  'stride two from a pool': {
    input: [17, 15, 1],
    layers: [{ conv: 8, kernel: 3, pool: true }, { conv: 16, kernel: 5, stride: 2, padding: 2 }, { linear: 6 }],
  },
  'one channel: strides, pools, sixteen outputs, a pixel left over': {
    input: [23, 19, 1],
    layers: [
      { conv: 16, kernel: 3, stride: 2, padding: 1, pool: true },
      { conv: 8, kernel: 2, pool: true },
      { linear: 9 },
    ],
  },
  'one channel: a kernel too wide to read pixels, then one channel again': {
    input: [13, 14, 1],
    layers: [{ conv: 8, kernel: 7, padding: 3, pool: true }, { conv: 16, kernel: 1 }, { linear: 6 }],
  },
  'groups of sixteen and eight outputs, strided pools': {
    input: [12, 15, 2],
    layers: [
      { conv: 24, kernel: 3, padding: 2, pool: true },
      { conv: 40, kernel: 3, stride: 2, padding: 1, pool: true },
      { linear: 8 },
    ],
  },
  'convolutions of signed inputs': {
    input: [9, 8, 1],
    layers: [
      { conv: 8, kernel: 3, padding: 1, relu: false },
      { conv: 16, kernel: 3, padding: 1, pool: true, relu: false },
      { conv: 8, kernel: 3, padding: 1 },
      { linear: 4 },
    ],
  },
  'channels that are no multiple of eight': {
    input: [7, 7, 1],
    layers: [{ conv: 6, kernel: 3, padding: 1 }, { conv: 8, kernel: 3 }, { linear: 12 }, { linear: 3 }],
  },
  'linear alone': { input: [1, 1, 100], layers: [{ linear: 32 }, { linear: 64 }, { linear: 64 }] },
};

type Draw = (random: Xorshift32) => number;
const anyWeight: Draw = (random) => (random.next() % 255) - 127;
const aroundThreshold: Draw = (random) => (random.next() % 100) - 110; // most cross it sooner or later

/** Values that are random, extreme, mostly zero, or all alike. From shift 14 on a score's step needs no clamp. */
const fillings: Record<string, { weight: Draw; pixel: Draw; score: Draw; scoreShifts: number[] }> = {
  random: { weight: anyWeight, pixel: (random) => random.next() & 127, score: aroundThreshold, scoreShifts: [12] },
  'random, small steps': {
    weight: anyWeight,
    pixel: (random) => random.next() & 127,
    score: anyWeight,
    scoreShifts: [17, 14, 15, 16],
  },
  extreme: {
    weight: (random) => (random.next() & 4 ? 127 : -127),
    pixel: (random) => (random.next() & 8 ? 127 : 0),
    score: (random) => (random.next() & 16 ? 127 : -127),
    scoreShifts: [13, 14, 0, 30],
  },
  'narrow weights': {
    weight: (random) => (random.next() % 31) - 15,
    pixel: (random) => random.next() & 127,
    score: aroundThreshold,
    scoreShifts: [12],
  },
  'narrow weights that NITI makes wide': {
    weight: (random) => (random.next() & 1 ? 1 : -1),
    pixel: () => 127,
    score: aroundThreshold,
    scoreShifts: [6, 8, 10],
  },
  sparse: {
    weight: (random) => (random.next() % 41) - 20,
    pixel: (random) => (random.next() % 9 === 0 ? 127 : 0),
    score: aroundThreshold,
    scoreShifts: [12, 11, 10, 14],
  },
  'one pixel, and images that are empty': {
    weight: anyWeight,
    pixel: (random) => (random.next() % 97 === 0 ? 127 : 0),
    score: aroundThreshold,
    scoreShifts: [12],
  },
  empty: { weight: anyWeight, pixel: () => 0, score: aroundThreshold, scoreShifts: [12] },
  'small weights': {
    weight: (random) => (random.next() % 31) - 15,
    pixel: (random) => random.next() & 127 & -(random.next() & 1),
    score: aroundThreshold,
    scoreShifts: [12],
  },
  saturated: { weight: () => 127, pixel: () => 127, score: aroundThreshold, scoreShifts: [0, 14, 13, 1] },
};

/** Nine weights that sum up to `sum`, the last one takes what is left. */
const summingTo = (sum: number) => [
  ...Array.from({ length: 8 }, () => Math.trunc(sum / 9)),
  sum - 8 * Math.trunc(sum / 9),
];

/** Eight channels of 3x3 weights on one channel. The largest sum whose products with pixels of 127 fit 16-bit lanes is
 * 258. */
const laneBorders: Record<string, number[][]> = {
  'at the bound': [258, 258, -258, -258, 258, -258, -258, 258].map(summingTo),
  'either sign at the bound': [1, -1, 1, -1, -1, 1, -1, 1].map((sign) =>
    [86, -86, 86, -86, 0, 86, -86, 0, 0].map((weight) => sign * weight),
  ),
  'one lower lane above': [0, 0, 259, 258, 0, -258, 1, -1].map(summingTo),
  'one upper lane above': [0, -1, 0, -1, 258, 259, 1, 0].map(summingTo),
  'one lower lane below': [-258, 258, -259, 258, -259, -1, 0, 0].map(summingTo),
  'one upper lane below': [258, -258, 258, -259, 0, -259, 0, 1].map(summingTo),
  'all far above': Array.from({ length: 8 }, () => summingTo(9 * 127)),
};

/** Shares of a layer's edges that have scores: few of a row, half, none, all. */
const scoredShares = [0.06, 0.5, 0, 1];

/** Scored flags of PRIOT-S, each layer with another share; `first` turns the shares round. */
function scoredFlags(layers: readonly NetworkLayer[], first: number, random: Xorshift32): Uint8Array {
  return Uint8Array.from(
    layers.flatMap(({ edges }, index) => {
      const share = scoredShares[(index + first) % scoredShares.length] as number;
      return Array.from({ length: edges }, () => (random.next() < share * 2 ** 32 ? 1 : 0));
    }),
  );
}

/** Biases of the layers that have some: of each three two that leave room in 16 bits, and one that does not. */
function biasesOf(layers: readonly NetworkLayer[], random: Xorshift32): { biases?: Int16Array } {
  const count = layers.reduce((sum, layer) => sum + (layer.biasExponent === undefined ? 0 : outputShape(layer)[2]), 0);
  if (count === 0) return {};
  return { biases: Int16Array.from({ length: count }, (_, index) => anyWeight(random) * (index % 3 === 2 ? 255 : 4)) };
}

const STEPS = 3;

async function train(
  link: Link,
  network: Network,
  method: MethodName,
  kernels: KernelName,
  scores: Int8Array,
  images: Uint8Array[],
  scored: Uint8Array,
) {
  const settings = { method, threshold: -64, mu: 5, ...(method === 'priot-s' && { scored }) };
  const learnsScores = method === 'priot' || method === 'priot-s';
  await putNetwork(link, network, settings, learnsScores ? scores : network.weights, { kernels });
  const sessionId = new Uint8Array(8);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = images.map((image, index) => ({ label: index % outputCount(network), image, detail: true }));
  const results: Partial<StepResult>[] = [];
  for await (const { prediction, lossZero, logits, lossGradient, layers } of link.steps(
    { sessionId, firstStep: 0 },
    frames,
  )) {
    results.push({ prediction, lossZero, logits, lossGradient, layers });
  }
  return results;
}

/** A pool's patch of 4x4 pixels with 3x3 windows: the one corner that only this window reads, and what all read. */
const corners = [0, 3, 12, 15] as const;
const shared = [5, 6, 9, 10] as const;

/** An image of one pool whose windows sum up to `sums`, `inAll` of it in the pixels that all of them read. */
function imageOfWindows(channels: number, inAll: number, sums: readonly number[]): Uint8Array {
  const image = new Uint8Array(16 * channels);
  const spread = (pixels: readonly number[], sum: number) => {
    let rest = sum;
    for (const pixel of pixels) {
      for (let channel = 0; channel < channels; channel++) {
        image[pixel * channels + channel] = Math.min(rest, 127);
        rest -= Math.min(rest, 127);
      }
    }
    expect(rest).toBe(0);
  };
  spread(shared, inAll);
  for (const [window, corner] of corners.entries()) spread([corner], (sums[window] as number) - inAll);
  return image;
}

/**
 * Declares the tests of the Cortex-M0+ kernels: what they make of networks at the borders of their paths, beside what
 * the plain kernels make of them.
 *
 * @param openFast opens a device that has the Cortex-M0+ kernels
 * @param openPlain opens one for the plain kernels, which are the same C in every place
 */
export function testKernels(openFast: () => Promise<Device>, openPlain: () => Promise<Device>): void {
  let link: Link;
  let plainLink: Link;
  beforeAll(async () => {
    link = await Link.open(await openFast());
    plainLink = await Link.open(await openPlain());
  });
  afterAll(() => Promise.all([link.close(), plainLink.close()]));

  describe('the Cortex-M0+ kernels give what the plain ones give', () => {
    for (const [shapeIndex, [shape, { input, layers }]] of Object.entries(shapes).entries()) {
      for (const [fillingIndex, [filling, values]] of Object.entries(fillings).entries()) {
        // a slice has each shape with three fillings, and each filling with a third of the shapes
        if (!isTaken(shapeIndex + fillingIndex, 3)) continue;
        const { weight, pixel, score, scoreShifts } = values;
        it(`${shape}, ${filling}`, async () => {
          const random = new Xorshift32(11);
          const shift = filling === 'sparse' ? 7 : 9;
          const shaped = layersOf(input, layers, shift, filling === 'extreme' ? 0 : shift - 3, scoreShifts);
          const weights = Int8Array.from({ length: edgeCount({ layers: shaped }) }, () => weight(random));
          const scores = weights.map(() => score(random));
          const biases = biasesOf(shaped, random);
          const network: Network = { inputExponent: -7, lossShift: 2, layers: shaped, weights, ...biases };
          const images = Array.from({ length: STEPS }, () =>
            Uint8Array.from({ length: imageBytes(network) }, () => pixel(random)),
          );
          const scored = scoredFlags(shaped, fillingIndex, random);
          for (const method of ['priot', 'priot-s', 'niti-static', 'niti-dynamic'] as const) {
            const plain = await train(plainLink, network, method, 'plain', scores, images, scored);
            expect(plain).toHaveLength(STEPS);
            expect(await train(link, network, method, 'fastest', scores, images, scored), method).toEqual(plain);
          }
        });
      }
    }

    /** Trains on small weights of 3x3 windows; `biases`: of their sixteen channels. */
    const compareLanes = async (channels: number[][], shift: number, biases?: Int16Array) => {
      const random = new Xorshift32(13);
      const pooled = { conv: 16, kernel: 3, padding: 1, pool: true, bias: biases !== undefined };
      const layers: Shorthand[] = [pooled, { linear: 7 }];
      const shaped = layersOf([8, 12, 1], layers, shift, 0, [12]);
      const weights = Int8Array.from({ length: edgeCount({ layers: shaped }) }, () => anyWeight(random));
      weights.set([...channels, ...channels.map((channel) => [...channel].reverse())].flat());
      // Most keep their sign, and a few cross the threshold on the way.
      const scores = weights.map(() => (random.next() % 16 === 0 ? -64 : 100));
      const network: Network = { inputExponent: -7, lossShift: 2, layers: shaped, weights, ...(biases && { biases }) };
      const images = [
        () => 127,
        (index: number) => (index % 12 > 5 ? 127 : 0),
        (index: number) => (Math.trunc(index / 12) % 3 === 1 ? 0 : 127),
        () => (random.next() & 1 ? 127 : 0),
        () => random.next() & 127 & -(random.next() & 1),
      ].map((pixel) => Uint8Array.from({ length: imageBytes(network) }, (_, index) => pixel(index)));
      const scored = scoredFlags(shaped, 1, random);
      for (const method of ['priot', 'priot-s', 'niti-static', 'niti-dynamic'] as const) {
        const plain = await train(plainLink, network, method, 'plain', scores, images, scored);
        expect(plain).toHaveLength(images.length);
        expect(await train(link, network, method, 'fastest', scores, images, scored), method).toEqual(plain);
      }
    };

    for (const [borderIndex, [border, channels]] of Object.entries(laneBorders).entries()) {
      for (const [shiftIndex, shift] of [0, 1, 8, 15].entries()) {
        if (!isTaken(borderIndex + shiftIndex, 4)) continue;
        it(`lanes of small weights: ${border}, shift ${shift}`, () => compareLanes(channels, shift));
      }
    }

    // 258 * 127 + 1 is the largest sum that fits 16 bits.
    for (const bias of [1, 2, 4096]) {
      it(`lanes of small weights that begin at biases of ${bias}`, () => {
        const signs = [1, 1, -1, -1, 1, -1, -1, 1]; // of the sums at the bound
        return compareLanes(
          laneBorders['at the bound']!,
          0,
          Int16Array.from([...signs, ...signs], (sign) => sign * bias),
        );
      });
    }

    const sumOf4681 = [...Array<number>(36).fill(127), 109];

    /** Inputs of a linear layer whose weights' magnitudes are at most `largest`; its first two outputs have only -largest
     * and largest. Segments of inputs end at 32767 divided by that. */
    const edges: Record<string, { largest: number; inputs: number[] }> = {
      'no inputs': { largest: 15, inputs: [] },
      'no weights': { largest: 0, inputs: Array<number>(300).fill(127) },
      'one input': { largest: 127, inputs: [127] },
      'sums of 32766': { largest: 127, inputs: [127, 127, 4] },
      'sums of 32766, and one input more': { largest: 127, inputs: [127, 127, 4, 1] },
      'sums that would be 32893': { largest: 127, inputs: [127, 127, 5] },
      'sums of 32767': { largest: 1, inputs: [...Array<number>(258).fill(127), 1] },
      'sums that would be 32768': { largest: 1, inputs: [...Array<number>(258).fill(127), 2] },
      'sums of 32767, twice': { largest: 7, inputs: [...sumOf4681, ...sumOf4681] },
      'weights of five bits, sums of 32760': { largest: 15, inputs: [...Array<number>(17).fill(127), 25] },
      'weights of five bits, sums of 32760, and one input more': {
        largest: 15,
        inputs: [...Array<number>(17).fill(127), 25, 1],
      },
      'segments of two inputs': { largest: 127, inputs: Array<number>(400).fill(127) },
      'one segment, more inputs than a work list holds': { largest: 15, inputs: Array<number>(400).fill(2) },
      'as many inputs as a work list holds, and one more': { largest: 127, inputs: Array<number>(341).fill(127) },
    };

    for (const [edgeIndex, [edge, { largest, inputs }]] of Object.entries(edges).entries()) {
      const outputCounts = [4, 9, 24].filter((_, index) => isTaken(edgeIndex + index, 3));
      it.each(outputCounts)(`linear layers, ${edge}: %i outputs`, async (outputs) => {
        const random = new Xorshift32(7);
        const features = inputs.length + 3;
        const layers = layersOf([1, 1, features], [{ linear: outputs }], 9, 6, [12]);
        const weights = Int8Array.from({ length: features * outputs }, (_, weight) => {
          const output = Math.floor(weight / features);
          return output < 2 ? (output === 0 ? -largest : largest) : (random.next() % (2 * largest + 1)) - largest;
        });
        const network: Network = { inputExponent: -7, lossShift: 2, layers, weights };
        const image = Uint8Array.from({ length: features }, (_, input) => inputs[input - 2] ?? 0);
        const scores = weights.map(() => 0);
        const plain = await train(plainLink, network, 'priot', 'plain', scores, [image], new Uint8Array());
        const sum = inputs.reduce((total, input) => total + input, 0);
        expect(plain[0]?.logits?.slice(0, 2)).toEqual([-largest * sum, largest * sum].map((logit) => logit || 0));
        expect(await train(link, network, 'priot', 'fastest', scores, [image], new Uint8Array())).toEqual(plain);
      });
    }
  });

  describe('accumulators of sixteen channels in packed lanes, at the borders of 16 bits', () => {
    /** One pooled convolution of 24 channels whose weights are the same for all inputs, and a linear layer above. */
    function networkOf(input: Shape, kernel: number, weightOf: (channel: number) => number, shift: number): Network {
      const layers: Shorthand[] = [{ conv: 24, kernel, pool: true }, { linear: 3 }];
      const shaped = layersOf(input, layers, shift, 9, [30]);
      const random = new Xorshift32(5);
      const fanIn = kernel * kernel * input[2];
      const weights = Int8Array.from({ length: edgeCount({ layers: shaped }) }, (_, edge) =>
        edge < 24 * fanIn ? weightOf(Math.trunc(edge / fanIn)) : anyWeight(random),
      );
      return { inputExponent: -7, lossShift: 2, layers: shaped, weights };
    }

    async function expectEqual(network: Network, images: Uint8Array[]) {
      const scores = network.weights.map(() => 127);
      const scored = network.weights.map(() => 1);
      for (const method of ['priot', 'priot-s', 'niti-static', 'niti-dynamic'] as const) {
        const plain = await train(plainLink, network, method, 'plain', scores, images, Uint8Array.from(scored));
        const fastest = await train(link, network, method, 'fastest', scores, images, Uint8Array.from(scored));
        expect(fastest, method).toEqual(plain);
      }
    }

    /** Largest weights and the largest sum of inputs whose products with them fit: |w| * sum <= 32767, just so for 31. */
    const bounds = [
      [31, 1057],
      [15, 2184],
      [127, 258],
    ] as const;
    const signs = [1, 1, -1, 1, 1, -1, -1, -1];
    for (const [largest, most] of bounds) {
      for (const channels of [4, 6, 8]) {
        it(`weights of ${largest} and sums around ${most}, ${channels} channels`, async () => {
          const weightOf = (channel: number) => (signs[channel % 8] as number) * (channel < 8 ? largest : largest - 1);
          const images = [most - 1, most, most + 1].flatMap((sum) => {
            const inAll = Math.min(sum - 90, 4 * channels * 127);
            return [
              imageOfWindows(channels, inAll, [sum, sum, sum, sum]),
              ...corners.map((_, window) =>
                imageOfWindows(
                  channels,
                  inAll,
                  corners.map((__, other) => (other === window ? sum : inAll + 1)),
                ),
              ),
            ];
          });
          if (most < 4 * channels * 127) {
            images.push(...[most, most + 1].map((sum) => imageOfWindows(channels, sum, [sum, sum, sum, sum])));
          }
          await expectEqual(networkOf([4, 4, channels], 3, weightOf, 9), images);
        });
      }
    }

    /** Sums of the inputs before a pixel wrap at 16 bits: between a patch's rows or, of more than 129 channels, in one. */
    for (const channels of [64, 129, 132].filter((_, index) => isTaken(index, 2))) {
      it(`sums of inputs past 16 bits, ${channels} channels`, async () => {
        const row = 4 * channels;
        const images = [127, 9, 1].map((value) =>
          Uint8Array.from({ length: 7 * row }, (_, index) => (index < 2 * row ? 127 : index % 3 === 0 ? value : 0)),
        );
        await expectEqual(
          networkOf([7, 4, channels], 3, (channel) => (channel % 3) - 1, 12),
          images,
        );
      });
    }
  });
}
