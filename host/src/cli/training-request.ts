/** What `priot train` was asked, and the plan that follows from it. */
import type { Dataset } from '../dataset/dataset.js';
import type { ImageSet } from '../dataset/image-set.js';
import { DataError, UsageError } from '../errors.js';
import type { Network } from '../network/network.js';
import { inputShape, outputCount } from '../network/network-shape.js';
import type { EvalSet, RunRequest } from '../runs/run-manifest.js';
import { InputImages, type PreparedImages } from '../training/input-images.js';
import type { MethodSetup } from '../training/method-request.js';
import { parseNarrowing } from '../training/narrowing.js';
import type { TrainingPlan } from '../training/session.js';

/** Test images after each epoch unless told otherwise. */
const DEFAULT_EVAL_SAMPLES = 1000;

/** Of the training images, at most, for `--eval-set held-out`: the last ones. */
const HELD_OUT_IMAGES = 10_000;
const HELD_OUT_SHARE = 1 / 6;

/**
 * The data set with what `--eval-set` says as its test images. Held out: the last training images, which no seed then
 * trains on: hyperparameters are chosen on them, so that the test images stay untouched.
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
 * @param prepared where inputs of a set are kept between sessions
 * @throws UsageError SEED_BEYOND_SET, TOO_MANY_EVAL_SAMPLES
 */
export function planOf(
  request: RunRequest,
  setup: MethodSetup,
  dataset: Dataset,
  prepared: (set: ImageSet) => PreparedImages,
): TrainingPlan {
  const { samples, seed, angle, evalSamples } = request;
  const { train, test } = dataset;
  const first = firstTrainingImage(train, seed, samples);
  const finalSamples = evaluatedImages(evalSamples, test);
  return {
    ...setup,
    seed,
    epochs: request.epochs,
    ...narrowingOf(request),
    training: new InputImages(train, first, samples, angle, prepared(train)),
    test: new InputImages(test, 0, test.count, angle, prepared(test)),
    evalEvery: request.evalEvery ?? 1,
    evalSamples: evalSamples ?? Math.min(DEFAULT_EVAL_SAMPLES, test.count),
    finalSamples,
    ...(request.memory === undefined ? {} : { memoryLimitBytes: request.memory }),
  };
}

function narrowingOf({ narrow }: RunRequest): { narrowing?: readonly number[] } {
  if (narrow === undefined) return {};
  const narrowing = parseNarrowing(narrow);
  if (narrowing !== undefined) return { narrowing };
  throw new UsageError(
    'NARROW_MALFORMED',
    `--narrow ${narrow} is no list of ascending numbers of epochs`,
    'write it as 16,24: after 16 epochs steps are a bit narrower, after 24 another',
  );
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
