/** How long the simulator takes for a step of VGG11 with PRIOT on one core: of quarter width, and of full width. */
import { fileURLToPath } from 'node:url';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import type { Network, NetworkLayer } from '#host/network/network.js';
import { loadNetwork } from '#host/network/network-file.js';
import { edgeCount, imageBytes, layerEdges, outputCount } from '#host/network/network-shape.js';
import { Xorshift32 } from '#host/random.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';
import { putNetwork } from '#host/training/network-on-device.js';
import { sessionIdOf } from '#host/training/session-id.js';

export interface Vgg11Speed {
  readonly edges: number;
  /** Processor time of an active step. */
  readonly stepMs: number;
  readonly activeSteps: number;
}

const MODEL = fileURLToPath(new URL('../../models/vgg11-quarter-cifar10', import.meta.url));
const SEED = 0;

/** Measures `steps` steps on images of noise, after as many that warm up. @param width times a quarter */
export async function measureVgg11Speed({ width = 1, steps = 64 } = {}): Promise<Vgg11Speed> {
  const { network: quarter } = loadNetwork(MODEL);
  const wide = width === 1 ? quarter : widened(quarter, width);
  const { network, settings, initialState } = setUpMethod(completeMethodRequest({ method: 'priot' }, wide), wide, SEED);
  const link = await Link.open(await openSimulator());
  try {
    await putNetwork(link, network, settings, initialState);
    const sessionId = sessionIdOf(network, settings, SEED, initialState);
    await link.request('startSession', { sessionId, nextStep: 0 });
    const random = new Xorshift32(1);
    const frames = Array.from({ length: steps }, (_, step) => ({
      label: step % outputCount(network),
      image: Uint8Array.from({ length: imageBytes(network) }, () => random.next() % 128),
    }));
    for await (const _ of link.steps({ sessionId, firstStep: 0 }, frames));
    const start = process.cpuUsage();
    let activeSteps = 0;
    for await (const { lossZero } of link.steps({ sessionId, firstStep: steps }, frames)) {
      if (!lossZero) activeSteps += 1;
    }
    const { user, system } = process.cpuUsage(start);
    return { edges: edgeCount(network), stepMs: (user + system) / 1000 / steps, activeSteps };
  } finally {
    await link.close();
  }
}

/** The same layers with more channels, random weights and no biases; sums are as much larger, and so are the shifts. */
function widened({ inputExponent, lossShift, layers: narrow }: Network, width: number): Network {
  const bits = Math.round(Math.log2(width) / 2);
  const layers = narrow.map((layer, index): NetworkLayer => {
    const { biasExponent: _, ...rest } = layer;
    const { activation, ...shifts } = layer.shifts!;
    const wider = { ...rest, shifts: { ...shifts, activation: activation + (index > 0 ? bits : 0) } } as NetworkLayer;
    const placed = withChannels(wider, width, index === 0);
    return { ...placed, edges: layerEdges(placed) } as NetworkLayer;
  });
  const random = new Xorshift32(2);
  const weights = Int8Array.from({ length: edgeCount({ layers }) }, () => (random.next() % 81) - 40);
  return { inputExponent, lossShift, layers, weights };
}

function withChannels(layer: NetworkLayer, width: number, first: boolean): NetworkLayer {
  if (layer.op === 'linear') return { ...layer, inFeatures: layer.inFeatures * width };
  if (layer.op === 'sum_pool') return layer;
  const [height, columns, channels] = layer.inShape;
  const inShape = [height, columns, first ? channels : channels * width] as const;
  return { ...layer, inShape, outChannels: layer.outChannels * width };
}
