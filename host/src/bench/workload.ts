/** What the methods are measured on: the same images and labels, each method from its own initial state. */
import type { Dataset } from '../dataset/dataset.js';
import { shiftsOf } from '../dataset/shifts.js';
import { calibrate } from '../network/calibration.js';
import type { MethodName, Network } from '../network/network.js';
import { EpochOrder } from '../random.js';
import { InputImages } from '../training/input-images.js';
import { completeMethodRequest, type MethodSetup, setUpMethod } from '../training/method-request.js';

/** Images of an epoch, as `priot train` has them unless told otherwise. */
const EPOCH_IMAGES = 1024;
const SEED = 0;

/** One step's input, as the link sends it. */
export interface LabelledImage {
  readonly label: number;
  readonly image: Uint8Array;
}

/** Returns the first `steps` steps of a training session with seed 0: epoch after epoch, each in its own order. */
export function sessionImages(dataset: Dataset, angle: number, steps: number): LabelledImage[] {
  const count = Math.min(EPOCH_IMAGES, dataset.train.count);
  const inputs = new InputImages(dataset.train, 0, count, shiftsOf(angle));
  const order = new EpochOrder(SEED, count);
  return Array.from({ length: steps }, (_, step) => {
    const image = order.of(Math.floor(step / count))[step % count]!;
    return { label: inputs.label(image), image: inputs.input(image) };
  });
}

/**
 * Prepares a method with its defaults, as `priot train` would begin with seed 0. Shifts that the network's file lacks
 * are calibrated on the rotated images.
 * @throws DataError CALIBRATION_EMPTY; the signal's reason
 */
export async function prepareMethod(
  method: MethodName,
  network: Network,
  dataset: Dataset,
  angle: number,
  signal?: AbortSignal,
): Promise<MethodSetup> {
  const request = completeMethodRequest({ method }, network);
  const { mu } = request;
  const count = Math.min(EPOCH_IMAGES, dataset.train.count);
  const images = { set: dataset.train, first: 0, count, shifts: shiftsOf(angle) };
  const ready =
    request.calibrate === 'transfer' && mu !== undefined
      ? await calibrate(network, images, { scoreMu: mu, gradientMu: mu }, signal)
      : network;
  return setUpMethod(request, ready, SEED);
}
