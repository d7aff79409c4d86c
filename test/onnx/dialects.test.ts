import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FloatForward } from '#host/network/onnx/float-forward.js';
import type { FloatConvolution, FloatLayer, FloatNetwork } from '#host/network/onnx/float-network.js';
import { usual, withInputFolded, withNormalisation } from '#host/network/onnx/normalisation.js';
import { parseOnnx } from '#host/network/onnx/read-onnx.js';
import { type Dialect, dialects } from './dialects.js';
import { model, pixels } from './model.js';
import { asNchw, asNhwc, type Feed, RuntimeModel } from './runtime.js';

const nothingExternal = () => {
  throw new Error('there is no external data');
};

function shown(layer: FloatLayer): string {
  const conv = layer.op === 'conv2d' ? layer : undefined;
  const parts = [
    layer.name + (conv?.depthwise ? '/dw' : ''),
    conv?.pool && 'pool',
    layer.relu && `relu${layer.highest ?? ''}`,
  ];
  return parts.filter(Boolean).join('+');
}

function feedOf({ image, feed }: Dialect, seed: number): { image: Uint8Array; feed: Feed } {
  const [height, width, channels] = image;
  const one = pixels(height, width, channels, seed);
  if (feed !== undefined && feed[0] === 1) return { image: one, feed: asNhwc(one, feed) };
  const nchw = asNchw(one, height, width, channels);
  if (feed === undefined) return { image: one, feed: nchw };
  const batch = feed[0]!;
  const values = new Float32Array(nchw.values.length * batch);
  for (let i = 0; i < batch; i++) values.set(nchw.values, i * nchw.values.length);
  return { image: one, feed: { shape: feed, values } };
}

function expectClose(actual: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const largest = Math.max(...Array.from(wanted, Math.abs));
  Array.from(actual).forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!), `output ${i}: ${value} for ${wanted[i]}`).toBeLessThan(1e-5 * (1 + largest));
  });
}

describe('every exporter means what an independent runtime computes', () => {
  test.each(Object.entries(dialects))('%s', async (_name, dialect) => {
    const { spec, logits } = dialect;
    const read = parseOnnx(model(spec), nothingExternal);
    expect(read.network.layers.map(shown).join(' ')).toBe(dialect.layers);
    const forward = new FloatForward(withNormalisation(read.network, usual));
    const runtime = await RuntimeModel.load(model(logits === undefined ? spec : { ...spec, outputs: [logits] }));
    for (const seed of [1, 2, 3]) {
      const { image, feed } = feedOf(dialect, seed);
      const wanted = (await runtime.run(feed)).subarray(0, dialect.spec.input[0] === 10 ? 3 : undefined);
      const outputs = forward.run(image).at(-1)!;
      expect(outputs.length).toBe(wanted.length);
      expectClose(outputs, wanted);
    }
  });
});

describe('the trained fixtures', () => {
  test.each(['lenet5', 'tiny-cnn-batchnorm', 'ds-cnn'])('%s', async (name) => {
    const file = readFileSync(new URL(`fixtures/${name}.onnx`, import.meta.url));
    const { network } = parseOnnx(file, nothingExternal);
    const forward = new FloatForward(withNormalisation(network, usual));
    const image = pixels(28, 28, 1, 5);
    const wanted = Array.from(await (await RuntimeModel.load(file)).run(asNchw(image, 28, 28, 1)));
    // one of them gives logarithms of probabilities: the logits, moved by one number for all
    const logits = Array.from(forward.run(image).at(-1)!);
    const moved = logits[0]! - wanted[0]!;
    expectClose(
      logits.map((value) => value - moved),
      wanted,
    );
  });
});

describe('normalisation', () => {
  const dialect =
    dialects['tf2onnx: a Reshape to NCHW, normalisation as Mul and Add, strides with SAME_LOWER, 1x1 convolutions']!;

  test('goes into the first layer: exact without padding, and at the borders it says how much it is off', () => {
    const file = readFileSync(new URL('fixtures/lenet5.onnx', import.meta.url));
    const normalisation = { scale: 255, mean: [0.1307], std: [0.3081] };
    const { network } = parseOnnx(file, nothingExternal);
    const even = pixels(28, 28, 1, 6).map((pixel) => pixel & 254);
    const padded = withNormalisation(network, normalisation);
    const folded = withInputFolded(padded);
    expect(folded.borderError).toBeGreaterThan(0);
    const [conv, ...others] = padded.layers as [FloatConvolution, ...FloatLayer[]];
    const narrower: FloatConvolution = { ...conv, padding: [0, 0, 0, 0], output: [24, 24, 6] };
    const unpadded: FloatNetwork = { ...padded, layers: [narrower, ...others] };
    const first = (n: FloatNetwork) => new FloatForward({ ...n, layers: n.layers.slice(0, 1) }).run(even)[0]!;
    const exact = withInputFolded(unpadded);
    expect(exact.borderError).toBe(0);
    expectClose(first(exact.network), first(unpadded));
  });

  test('the error at the borders is what it is said to be', () => {
    const { network } = parseOnnx(model(dialect.spec), nothingExternal);
    const normalised = withNormalisation(network, { scale: 255, mean: [0.5], std: [0.25] });
    const { network: folded, borderError } = withInputFolded(normalised);
    const bare = (n: typeof network) => {
      const layer = n.layers[0]!;
      return new FloatForward({ ...n, layers: [{ ...layer, relu: false }] });
    };
    const image = pixels(7, 7, 1, 3).map((pixel) => pixel & 254);
    const [exact, inexact] = [bare(normalised).run(image)[0]!, bare(folded).run(image)[0]!];
    const off = exact.map((value, i) => Math.abs(value - inexact[i]!));
    const weights = normalised.layers[0]!.weights;
    const largestSum = Math.max(
      ...Array.from({ length: 4 }, (_, o) =>
        weights.subarray(o * 16, o * 16 + 16).reduce((sum, w) => sum + Math.abs(w), 0),
      ),
    );
    expect(Math.max(...off)).toBeGreaterThan(0);
    expect(Math.max(...off)).toBeLessThanOrEqual(borderError * largestSum * 2 + 1e-9);
  });
});
