/** Integer pretraining of a whole network: NITI (arXiv 2009.13108) with dynamic shifts over minibatches. */
import type { ImageSet } from '../dataset/image-set.js';
import { EpochOrder, seed0, Xorshift32 } from '../random.js';
import type { Architecture } from './architecture.js';
import { BatchEngine } from './batch-engine.js';
import type { Network } from './network.js';
import { INPUT_EXPONENT, LOSS_SHIFT } from './network-file.js';
import { edgeCount } from './network-shape.js';

const SPARSITY_MU = 2;

export interface PretrainingSettings {
  readonly seed: number;
  readonly batchSize: number;
  /** Bit width of a step, one for each epoch. */
  readonly mu: readonly number[];
  /**
   * Penalty on the sum of the convolutions' activations, in sixteenths of a unit of the deltas, for what the device
   * skips are zeros. Not in epochs with steps below `SPARSITY_MU` bits: they mend the accuracy that it costs.
   */
  readonly sparsity: number;
  readonly signal?: AbortSignal;
}

export interface PretrainingProgress {
  /** 0-based. */
  readonly epoch: number;
  readonly images: number;
  readonly correct: number;
}

/** Draws He-scaled uniform weights in -127..127, one draw per edge in canonical order. */
export function initialNetwork(architecture: Architecture, seed: number): Network {
  const random = new Xorshift32(seed0(seed));
  const weights = new Int8Array(edgeCount(architecture));
  for (let edge = 0; edge < weights.length; edge++) weights[edge] = Math.floor((random.next() * 255) / 2 ** 32) - 127;
  return { inputExponent: INPUT_EXPONENT, lossShift: LOSS_SHIFT, layers: architecture.layers, weights };
}

/**
 * Trains on upright images of the network's size; reports after every batch; returns the network without shifts.
 * Deterministic in `seed`.
 */
export async function pretrain(
  architecture: Architecture,
  images: ImageSet,
  settings: PretrainingSettings,
  onProgress: (progress: PretrainingProgress) => void,
): Promise<Network> {
  const network = initialNetwork(architecture, settings.seed);
  const engine = await BatchEngine.open(network, settings.batchSize);
  const orders = new EpochOrder(settings.seed, images.count);
  for (const [epoch, mu] of settings.mu.entries()) {
    const order = orders.of(epoch);
    let correct = 0;
    for (let start = 0; start + settings.batchSize <= images.count; start += settings.batchSize) {
      settings.signal?.throwIfAborted();
      const batch = fillBatch(engine, images, order.subarray(start, start + settings.batchSize));
      correct += engine.train(batch, mu, mu >= SPARSITY_MU ? settings.sparsity : 0).correct;
      onProgress({ epoch, images: start + settings.batchSize, correct });
      await giveWay();
    }
  }
  return { ...network, weights: engine.weights() };
}

/** Share of a set's images, upright, that the network tells rightly with dynamic shifts: 0..1. */
export async function uprightAccuracy(network: Network, images: ImageSet, signal?: AbortSignal): Promise<number> {
  const engine = await BatchEngine.open(network, 1);
  let correct = 0;
  for (let index = 0; index < images.count; index++) {
    signal?.throwIfAborted();
    correct += engine.observe(fillBatch(engine, images, Uint32Array.of(index))).correct;
    if (index % 64 === 0) await giveWay();
  }
  return correct / images.count;
}

function fillBatch(engine: BatchEngine, images: ImageSet, chosen: Uint32Array): Uint8Array {
  const size = images.height * images.width * images.channels;
  chosen.forEach((index, slot) => {
    const target = engine.image(slot);
    for (let i = 0; i < size; i++) target[i] = images.pixels[index * size + i]! >> 1;
  });
  return Uint8Array.from(chosen, (index) => images.labels[index]!);
}

/** Lets timers and signals in between two batches. */
export function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
