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

/** All that a pretraining needs to go on: with the same architecture, images and settings it ends in the same weights. */
export interface PretrainingState extends PretrainingProgress {
  readonly weights: Int8Array;
}

/** Bit widths of the steps of the shipped backbone: large steps first, and the last ones mend what they left. */
const SCHEDULE = [5, 4, 3, 3, 2, 2, 2, 1, 1] as const;

/** Returns the bit width of a step for each of `epochs` epochs: the schedule of nine, stretched or thinned out. */
export function stepSchedule(epochs: number): number[] {
  const last = SCHEDULE.length - 1;
  return Array.from({ length: epochs }, (_, epoch) => SCHEDULE[Math.round((epoch * last) / Math.max(1, epochs - 1))]!);
}

/** Draws He-scaled uniform weights in -127..127: one draw per edge, canonical order. */
export function initialNetwork(architecture: Architecture, seed: number): Network {
  const random = new Xorshift32(seed0(seed));
  const weights = new Int8Array(edgeCount(architecture));
  for (let edge = 0; edge < weights.length; edge++) weights[edge] = Math.floor((random.next() * 255) / 2 ** 32) - 127;
  return { inputExponent: INPUT_EXPONENT, lossShift: LOSS_SHIFT, layers: architecture.layers, weights };
}

/** A pretraining on upright images of the network's size. It is deterministic in the seed, and may stop and go on. */
export class Pretraining {
  private epoch: number;
  private done: number;
  private correct: number;

  private constructor(
    private readonly network: Network,
    private readonly images: ImageSet,
    private readonly settings: PretrainingSettings,
    private readonly engine: BatchEngine,
    from: PretrainingProgress,
  ) {
    this.epoch = from.epoch;
    this.done = from.images;
    this.correct = from.correct;
  }

  /** Begins, or goes on from a state. @throws DataError NETWORK_REFUSED */
  static async open(
    architecture: Architecture,
    images: ImageSet,
    settings: PretrainingSettings,
    from?: PretrainingState,
  ): Promise<Pretraining> {
    const initial = initialNetwork(architecture, settings.seed);
    const network = from === undefined ? initial : { ...initial, weights: from.weights };
    const engine = await BatchEngine.open(network, settings.batchSize);
    return new Pretraining(network, images, settings, engine, from ?? { epoch: 0, images: 0, correct: 0 });
  }

  /** Where it is: what `open` takes to go on. */
  get state(): PretrainingState {
    return { epoch: this.epoch, images: this.done, correct: this.correct, weights: this.engine.weights() };
  }

  /** Trains to the end and returns the network, without shifts. @throws the signal's reason; `state` is then sound */
  async run(onProgress: (progress: PretrainingProgress) => void): Promise<Network> {
    const { images, settings } = this;
    const { batchSize, mu: schedule, sparsity, signal } = settings;
    const orders = new EpochOrder(settings.seed, images.count);
    for (; this.epoch < schedule.length; this.epoch++, this.done = 0, this.correct = 0) {
      const order = orders.of(this.epoch);
      const mu = schedule[this.epoch]!;
      while (this.done + batchSize <= images.count) {
        signal?.throwIfAborted();
        const batch = fillBatch(this.engine, images, order.subarray(this.done, this.done + batchSize));
        this.correct += this.engine.train(batch, mu, mu >= SPARSITY_MU ? sparsity : 0).correct;
        this.done += batchSize;
        onProgress({ epoch: this.epoch, images: this.done, correct: this.correct });
        await giveWay();
      }
    }
    return { ...this.network, weights: this.engine.weights() };
  }
}

/** Trains from the beginning to the end; see `Pretraining`. */
export async function pretrain(
  architecture: Architecture,
  images: ImageSet,
  settings: PretrainingSettings,
  onProgress: (progress: PretrainingProgress) => void,
): Promise<Network> {
  return (await Pretraining.open(architecture, images, settings)).run(onProgress);
}

/** Returns the share of a set's images, upright, that the network tells rightly with dynamic shifts: 0..1. */
export async function uprightAccuracy(
  network: Network,
  images: ImageSet,
  signal?: AbortSignal,
  onProgress?: (images: number, correct: number) => void,
): Promise<number> {
  const engine = await BatchEngine.open(network, 1);
  let correct = 0;
  for (let index = 0; index < images.count; index++) {
    signal?.throwIfAborted();
    correct += engine.observe(fillBatch(engine, images, Uint32Array.of(index))).correct;
    if (index % 64 !== 63) continue;
    onProgress?.(index + 1, correct);
    await giveWay();
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
