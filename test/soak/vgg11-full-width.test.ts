/** VGG11 of full width, 9.2 million edges: the simulator holds and trains it, and its kernels agree. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import type { Network, NetworkLayer } from '#host/network/network.js';
import { loadNetwork } from '#host/network/network-file.js';
import { edgeCount, imageBytes, layerEdges } from '#host/network/network-shape.js';
import type { KernelName } from '#host/network/open-network.js';
import { Xorshift32 } from '#host/random.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';
import { putNetwork, readState } from '#host/training/network-on-device.js';
import { stateDigest } from '#host/training/session-id.js';

const WIDTH = 4; // times the quarter
const LABELS = [1, 7];

/** The layers of the quarter with more channels, random weights and no biases; shifts for sums that are larger. */
function fullWidth(): Network {
  const quarter = loadNetwork(join(import.meta.dirname, '../../models/vgg11-quarter-cifar10')).network;
  const layers = quarter.layers.map((layer, index): NetworkLayer => {
    const { biasExponent: _, ...rest } = layer;
    const { activation, ...shifts } = layer.shifts!;
    const wider = { ...rest, shifts: { ...shifts, activation: activation + (index > 0 ? 1 : 0) } } as NetworkLayer;
    const placed = wide(wider, index === 0);
    return { ...placed, edges: layerEdges(placed) } as NetworkLayer;
  });
  const random = new Xorshift32(2);
  const weights = Int8Array.from({ length: edgeCount({ layers }) }, () => (random.next() % 81) - 40);
  return { inputExponent: quarter.inputExponent, lossShift: quarter.lossShift, layers, weights };
}

function wide(layer: NetworkLayer, first: boolean): NetworkLayer {
  if (layer.op === 'linear') return { ...layer, inFeatures: layer.inFeatures * WIDTH };
  if (layer.op === 'sum_pool') return layer;
  const [height, width, channels] = layer.inShape;
  const inShape = [height, width, first ? channels : channels * WIDTH] as const;
  return { ...layer, inShape, outChannels: layer.outChannels * WIDTH };
}

it('trains two steps, with plain kernels as with the fastest', async () => {
  const file = fullWidth();
  expect(edgeCount(file)).toBe(9_222_848);
  const { network, settings, initialState } = setUpMethod(completeMethodRequest({ method: 'priot' }, file), file, 0);
  const random = new Xorshift32(1);
  const images = LABELS.map(() => Uint8Array.from({ length: imageBytes(network) }, () => random.next() % 128));
  const train = async (kernels: KernelName) => {
    const link = await Link.open(await openSimulator());
    await putNetwork(link, network, settings, initialState, { kernels });
    const sessionId = new Uint8Array(8);
    await link.request('startSession', { sessionId, nextStep: 0 });
    const results: { prediction: number; lossZero: boolean }[] = [];
    const frames = LABELS.map((label, step) => ({ label, image: images[step]! }));
    for await (const { prediction, lossZero } of link.steps({ sessionId, firstStep: 0 }, frames)) {
      results.push({ prediction, lossZero });
    }
    const state = await readState(link, network, settings);
    await link.close();
    return { results, digest: stateDigest(state) };
  };
  const fastest = await train('fastest');
  expect(fastest.digest).not.toBe(stateDigest(initialState));
  expect(await train('plain')).toEqual(fastest);
}, 120_000);
