/** Which images of a data set a session trains on and is measured on, and whether they fit the network. */
import type { Dataset } from '../dataset/dataset.js';
import type { ImageSet } from '../dataset/image-set.js';
import { DataError, UsageError } from '../errors.js';
import type { Network } from '../network/network.js';
import { inputShape, outputCount } from '../network/network-shape.js';
import type { EvalSet } from '../options/training.js';

/** The most training images for `--eval-set held-out`: the last ones. */
const HELD_OUT_IMAGES = 10_000;
const HELD_OUT_SHARE = 1 / 6;

/**
 * Returns the data set with what `--eval-set` says as its test images. Held out: the last training images, which no
 * seed then trains on: hyperparameters are chosen on them, so that the test images stay untouched.
 */
export function withEvalSet(dataset: Dataset, evalSet: EvalSet = 'test'): Dataset {
  if (evalSet === 'test') return dataset;
  const { train } = dataset;
  const trained = train.count - Math.min(HELD_OUT_IMAGES, Math.floor(train.count * HELD_OUT_SHARE));
  const test = { ...slice(train, trained, train.count), name: `${train.name}, held out` };
  return { ...dataset, train: slice(train, 0, trained), test };
}

function slice(set: ImageSet, first: number, end: number): ImageSet {
  const size = set.height * set.width * set.channels;
  const pixels = set.pixels.subarray(first * size, end * size);
  return { ...set, count: end - first, pixels, labels: set.labels.subarray(first, end) };
}

/**
 * Returns the first training image of a seed: seed s trains on training images s * samples and on.
 * @throws UsageError SEED_BEYOND_SET
 */
export function firstTrainingImage(train: ImageSet, seed: number, samples: number): number {
  if ((seed + 1) * samples <= train.count) return seed * samples;
  const last = Math.floor(train.count / samples) - 1;
  throw new UsageError(
    'SEED_BEYOND_SET',
    `seed ${seed} trains on images ${seed * samples}..${(seed + 1) * samples - 1}; ${train.name} has ${train.count}`,
    last < 0 ? `choose --samples up to ${train.count}` : `with --samples ${samples} choose --seed 0..${last}`,
  );
}

/**
 * Returns how many test images `--eval-samples` means: all when it is left out.
 * @throws UsageError TOO_MANY_EVAL_SAMPLES
 */
export function evaluatedImages(
  evalSamples: number | null | undefined,
  test: ImageSet,
  option = '--eval-samples',
): number {
  const images = evalSamples ?? test.count;
  if (images <= test.count) return images;
  throw new UsageError(
    'TOO_MANY_EVAL_SAMPLES',
    `${option} ${images}: ${test.name} has ${test.count} images`,
    `choose 1..${test.count}`,
  );
}

/**
 * Checks that network and images fit.
 * @throws DataError IMAGES_DO_NOT_FIT when the network takes other images, or has too few classes
 */
export function checkImages(network: Network, { train, test }: Dataset): void {
  for (const set of [train, test]) {
    const wanted = inputShape(network.layers[0]!);
    const given = [set.height, set.width, set.channels];
    const sameShape =
      network.layers[0]!.op === 'linear'
        ? wanted[2] === given.reduce((product, side) => product * side, 1)
        : wanted.every((side, axis) => side === given[axis]);
    if (!sameShape) {
      throw new DataError(
        'IMAGES_DO_NOT_FIT',
        `the network takes images of ${wanted.join('x')}; those of ${set.name} are ${given.join('x')}`,
        'choose the network and the data set that belong together: --model, --dataset',
      );
    }
    const classes = outputCount(network);
    const label = set.labels.findIndex((value) => value >= classes);
    if (label >= 0) {
      throw new DataError(
        'IMAGES_DO_NOT_FIT',
        `label ${set.labels[label]} of image ${label} of ${set.name}, which has ${set.classes} classes; the network has ${classes}: 0..${classes - 1}`,
        'choose the network and the data set that belong together: --model, --dataset',
      );
    }
  }
}
