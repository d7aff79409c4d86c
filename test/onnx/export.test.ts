import { describe, expect, test } from 'vitest';
import { findCases, loadCase } from '#host/network/conformance-case.js';
import type { Network } from '#host/network/network.js';
import { inputShape } from '#host/network/network-shape.js';
import { effectiveWeights } from '#host/network/onnx/effective-weights.js';
import { exportNetwork } from '#host/network/onnx/export.js';
import { IntegerForward } from '#host/network/onnx/integer-forward.js';
import { usual, withInputFolded, withNormalisation } from '#host/network/onnx/normalisation.js';
import { quantiseNetwork } from '#host/network/onnx/quantise.js';
import { parseOnnx } from '#host/network/onnx/read-onnx.js';
import { dialects } from './dialects.js';
import { model, pixels } from './model.js';
import { type Feed, RuntimeModel } from './runtime.js';

const nothingExternal = () => {
  throw new Error('there is no external data');
};
const names = { name: 'net', description: 'a test', producer: { name: 'priot', version: '0' } };

/** HWC pixels as the exported file takes them. */
function feedOf(network: Network, image: Uint8Array): Feed {
  const first = network.layers[0]!;
  const [height, width, channels] = inputShape(first);
  if (first.op === 'linear') return { shape: [1, channels], values: Float32Array.from(image) };
  const values = new Float32Array(image.length);
  image.forEach((pixel, i) => {
    values[(i % channels) * height * width + Math.floor(i / channels)] = pixel;
  });
  return { shape: [1, channels, height, width], values };
}

/** The runtime's logits as the device's integers: its floats are whole numbers of the unit of the last sums. */
async function expectSameSums(network: Network, weights: Int8Array, images: readonly Uint8Array[]): Promise<void> {
  const { file } = exportNetwork(network, { ...names, weights });
  const runtime = await RuntimeModel.load(file);
  const device = new IntegerForward(network, 'static', weights);
  for (const image of images) {
    const wanted = device.run(image.map((pixel) => pixel >> 1)).at(-1)!;
    const logits = await runtime.run(feedOf(network, image));
    expect(Array.from(logits, (value) => value / 2 ** wanted.exponent)).toEqual([...wanted.values]);
  }
}

describe("the exported file computes the device's integers", () => {
  const cases = findCases('test/conformance')
    .map(loadCase)
    .filter(({ method }) => method !== 'niti-dynamic');
  test.each(cases.map((found) => [found.name, found] as const))(
    '%s, before and after its steps',
    async (_name, found) => {
      const { network, method, threshold, scored, images, stateInitial, stateFinal } = found;
      // an odd pixel counts as the even one below it
      const seen = images.slice(0, 4).map((image, i) => image.map((value) => 2 * value + (i % 2)));
      for (const state of [stateInitial, stateFinal]) {
        await expectSameSums(network, effectiveWeights(network, { method, threshold, state, scored }), seen);
      }
    },
  );

  test.each(Object.entries(dialects))('imported from %s', async (_name, dialect) => {
    const { network } = parseOnnx(model(dialect.spec), nothingExternal);
    const quantised = quantiseNetwork(withInputFolded(withNormalisation(network, usual)).network, 8);
    const images = Array.from({ length: 6 }, (_, seed) => pixels(...dialect.image, seed));
    await expectSameSums(calibrated(quantised, images), quantised.weights, images);
  });
});

/** With the activation shifts that the first image asks for, and one less: values are saturated, too. */
function calibrated(network: Network, images: readonly Uint8Array[]): Network {
  const shifts = new IntegerForward(network, 'dynamic').run(images[0]!.map((pixel) => pixel >> 1));
  const layers = network.layers.map((layer, index) => ({
    ...layer,
    shifts: { activation: Math.max(0, shifts[index]!.shift - 1) },
  }));
  return { ...network, layers };
}

test('what has no static shifts is refused; sums that floats may not hold are named', () => {
  const weights = new Int8Array(2000 * 100).fill(127);
  const layer = { op: 'linear', relu: true, weightExponent: -7, belowThreshold: 'zero' } as const;
  const network: Network = {
    inputExponent: -7,
    lossShift: 4,
    layers: [
      { ...layer, name: 'fc1', inFeatures: 2000, outFeatures: 100, edges: 200_000, shifts: { activation: 14 } },
      { ...layer, name: 'fc2', relu: false, inFeatures: 100, outFeatures: 10, edges: 1000 },
    ],
    weights: Int8Array.from([...weights, ...new Int8Array(1000)]),
  };
  expect(exportNetwork(network, names).inexactLayers).toEqual(['fc1']);
  const { shifts: _, ...without } = network.layers[0]!;
  const uncalibrated = { ...network, layers: [without, network.layers[1]!] } as Network;
  expect(() => exportNetwork(uncalibrated, names)).toThrow(expect.objectContaining({ code: 'NETWORK_NOT_CALIBRATED' }));
});
