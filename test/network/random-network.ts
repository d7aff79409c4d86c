/** Networks of every kind of layer, as fast-check draws them. */
import fc from 'fast-check';
import type { LayerShifts, Network, NetworkLayer } from '#host/network/network.js';
import { biasCount, edgeCount, layerEdges, mapShape, outputShape, type Shape } from '#host/network/network-shape.js';
import { biasBytes } from '#host/network/tensor-file.js';

/** The bytes of weights.bin and bias.bin. */
export function tensorsOf({ weights, biases }: Network): { weights: Uint8Array; biases?: Uint8Array } {
  return { weights: new Uint8Array(weights), ...(biases && { biases: biasBytes(biases) }) };
}

const small = fc.integer({ min: 1, max: 5 });
const exponent = fc.integer({ min: -12, max: 4 });
const shift = fc.integer({ min: 0, max: 30 });

const choices = fc.record({
  convolution: fc.boolean(),
  outChannels: small,
  depthwise: fc.boolean(),
  kernel: fc.tuple(small, small),
  stride: fc.tuple(small, small),
  padding: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
  pool: fc.boolean(),
  relu: fc.boolean(),
  weightExponent: exponent,
  biasExponent: fc.option(fc.integer({ min: -30, max: 4 }), { nil: undefined }),
  belowThreshold: fc.constantFrom('zero' as const, 'negate' as const),
  shifts: fc.option(fc.record({ activation: shift, error: shift, score: shift, gradient: shift }), { nil: undefined }),
});
type Choice = typeof choices extends fc.Arbitrary<infer T> ? T : never;

/** Networks of 1 to 7 layers: convolutions, perhaps a sum_pool, linear layers, on small images. */
export const networks: fc.Arbitrary<Network> = fc
  .record({
    input: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), small),
    inputExponent: exponent,
    lossShift: shift,
    sumPool: fc.boolean(),
    layers: fc.array(choices, { minLength: 1, maxLength: 6 }),
    fill: fc.integer(),
  })
  .map(({ input, sumPool, layers: chosen, fill, ...numbers }) => {
    const layers: NetworkLayer[] = [];
    let shape: Shape = input;
    const add = (layer: NetworkLayer) => {
      layers.push({ ...layer, edges: layerEdges(layer) } as NetworkLayer);
      shape = outputShape(layer);
    };
    const convolutions = chosen.slice(0, -1).filter(({ convolution }) => convolution);
    for (const choice of convolutions) add(convolution(choice, shape, layers.length));
    if (sumPool && layers.length > 0) add(sumPoolOf(chosen[0]!, shape, layers.length));
    const linear = [...chosen.slice(0, -1).filter((choice) => !choice.convolution), chosen.at(-1)!];
    for (const [index, choice] of linear.entries()) {
      const relu = choice.relu && index + 1 < linear.length;
      const inFeatures = shape[0] * shape[1] * shape[2];
      const common = commonOf(choice, layers.length);
      add({ ...common, relu, op: 'linear', inFeatures, outFeatures: choice.outChannels });
    }
    const weights = Int8Array.from({ length: edgeCount({ layers }) }, (_, edge) => ((edge * 31 + fill) % 255) % 128);
    const count = biasCount({ layers });
    const biases = Int16Array.from({ length: count }, (_, index) => ((index * 7919 + fill) % 65535) % 32768);
    return { ...numbers, layers, weights, ...(count > 0 && { biases }) };
  });

function commonOf(choice: Choice, index: number) {
  return {
    name: `layer${index}`,
    relu: choice.relu,
    edges: 0,
    weightExponent: choice.weightExponent,
    belowThreshold: choice.belowThreshold,
    ...(choice.biasExponent === undefined ? {} : { biasExponent: choice.biasExponent }),
    ...(choice.shifts && { shifts: shiftsOf(choice.shifts, index) }),
  };
}

function shiftsOf({ error, ...shifts }: Required<LayerShifts>, index: number): LayerShifts {
  return index === 0 ? shifts : { ...shifts, error };
}

/** A convolution that fits: its sides are cut to the map, and a pool needs two rows and columns. */
function convolution(choice: Choice, shape: Shape, index: number): NetworkLayer {
  const depthwise = choice.depthwise && shape[2] > 1;
  const [top, left, bottom, right] = choice.padding;
  const kernel = [
    Math.min(choice.kernel[0], shape[0] + top + bottom),
    Math.min(choice.kernel[1], shape[1] + left + right),
  ] as const;
  const layer = {
    ...commonOf(choice, index),
    op: 'conv2d' as const,
    inShape: [...shape] as [number, number, number],
    outChannels: depthwise ? shape[2] : choice.outChannels,
    depthwise,
    kernel,
    stride: choice.stride,
    padding: choice.padding,
    pool: false,
  };
  const [rows, columns] = mapShape(layer);
  return { ...layer, pool: choice.pool && rows >= 2 && columns >= 2 };
}

function sumPoolOf(choice: Choice, shape: Shape, index: number): NetworkLayer {
  return {
    ...{ name: `layer${index}`, op: 'sum_pool', inShape: [...shape] as [number, number, number] },
    ...{ relu: false, edges: 0, weightExponent: 0, belowThreshold: 'zero' },
    ...(choice.shifts && { shifts: { activation: choice.shifts.activation, error: choice.shifts.error } }),
  };
}
