/** What `priot train` was asked, and the plan that follows from it. */
import type { Dataset } from '../dataset/dataset.js';
import type { ImageSet } from '../dataset/image-set.js';
import { DataError, UsageError } from '../errors.js';
import type { Network } from '../network/network.js';
import { inputShape, outputCount } from '../network/network-shape.js';
import type { RunRequest } from '../runs/run-manifest.js';
import { InputImages } from '../training/input-images.js';
import { drawScores } from '../training/random.js';
import type { TrainingPlan } from '../training/session.js';
import { trainingMethod } from './training-methods.js';

/** Test images after each epoch unless told otherwise. */
const DEFAULT_EVAL_SAMPLES = 1000;

/** @throws UsageError SEED_BEYOND_SET, TOO_MANY_EVAL_SAMPLES, UNKNOWN_METHOD; DataError IMAGES_DO_NOT_FIT */
export function planOf(request: RunRequest, network: Network, dataset: Dataset): TrainingPlan {
  checkImages(network, dataset);
  const { samples, seed, angle, evalSamples } = request;
  const { train, test } = dataset;
  const first = firstTrainingImage(train, seed, samples);
  const finalSamples = evaluatedImages(evalSamples, test);
  return {
    network,
    settings: { method: request.method, ...trainingMethod(request.method) },
    initialState: drawScores(
      network.layers.map((layer) => layer.edges),
      seed,
    ),
    seed,
    epochs: request.epochs,
    training: new InputImages(train, first, samples, angle),
    test: new InputImages(test, 0, test.count, angle),
    evalSamples: evalSamples ?? Math.min(DEFAULT_EVAL_SAMPLES, test.count),
    finalSamples,
  };
}

/** Seed s trains on training images s * samples and on. @throws UsageError SEED_BEYOND_SET */
export function firstTrainingImage(train: ImageSet, seed: number, samples: number): number {
  if ((seed + 1) * samples <= train.count) return seed * samples;
  const last = Math.floor(train.count / samples) - 1;
  throw new UsageError(
    'SEED_BEYOND_SET',
    `seed ${seed} trains on images ${seed * samples}..${(seed + 1) * samples - 1}; ${train.name} has ${train.count}`,
    last < 0 ? `choose --samples up to ${train.count}` : `with --samples ${samples} choose --seed 0..${last}`,
  );
}

/** How many test images `--eval-samples` means: all when it is left out. @throws UsageError TOO_MANY_EVAL_SAMPLES */
export function evaluatedImages(evalSamples: number | null | undefined, test: ImageSet): number {
  const images = evalSamples ?? test.count;
  if (images <= test.count) return images;
  throw new UsageError(
    'TOO_MANY_EVAL_SAMPLES',
    `--eval-samples ${images}: ${test.name} has ${test.count} images`,
    `choose 1..${test.count}`,
  );
}

/** @throws DataError IMAGES_DO_NOT_FIT when the network takes other images, or has too few classes */
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
        `label ${set.labels[label]} of image ${label} of ${set.name}; the network has the classes 0..${classes - 1}`,
        'choose the network and the data set that belong together: --model, --dataset',
      );
    }
  }
}

/** @throws DataError DATA_CHANGED, NETWORK_CHANGED: the run could not be repeated exactly */
export function checkSameFiles(
  what: 'data set' | 'network',
  recorded: readonly { name: string; sha256: string }[],
  found: readonly { name: string; sha256: string }[],
): void {
  for (const { name, sha256 } of recorded) {
    const now = found.find((file) => file.name === name)?.sha256;
    if (now !== sha256) {
      throw new DataError(
        what === 'network' ? 'NETWORK_CHANGED' : 'DATA_CHANGED',
        `${name} of the ${what} is not the one of that run: SHA-256 ${now ?? 'missing'}, was ${sha256}`,
        `bring back the ${what} of that run, or start a new one without --resume and --from-run`,
      );
    }
  }
}
