/** Everything that decides what a training session computes, and where it begins. */
import type { Dataset } from '../dataset/dataset.js';
import type { ImageSet } from '../dataset/image-set.js';
import type { Shift } from '../dataset/shifts.js';
import { UsageError } from '../errors.js';
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';
import { recordedShifts } from '../options/data.js';
import { epochList } from '../options/kinds.js';
import type { RunRequest } from '../runs/run-manifest.js';
import { guardImages } from './guard.js';
import { evaluatedImages, firstTrainingImage } from './images.js';
import { InputImages, type PreparedImages } from './input-images.js';
import type { MethodSetup } from './method-request.js';
import { sessionIdOf } from './session-id.js';

export interface TrainingPlan {
  readonly network: Network;
  readonly settings: MethodSettings;
  /** Learned state before the first step, canonical order. */
  readonly initialState: Int8Array;
  readonly seed: number;
  readonly epochs: number;
  /** Epochs after each of which steps are one bit narrower, ascending; left out: none. */
  readonly narrowing?: readonly number[];
  /** One epoch is one pass over all of them. */
  readonly training: InputImages;
  /** Training images that are left out, by which it is decided whether what was learned is kept; left out: none are. */
  readonly guard?: InputImages;
  /** All test images there are. */
  readonly test: InputImages;
  /** Test images after an epoch. */
  readonly evalSamples: number;
  /** Epochs from one evaluation to the next; left out: 1. The last epoch always has one. */
  readonly evalEvery?: number;
  /** Most bytes of the device's arena to plan with; absent: all there are. */
  readonly memoryLimitBytes?: number;
  /** How many cores train; absent: 1. The results are the same. */
  readonly cores?: number;
  /** Test images before the first and after the last epoch, at least evalSamples. */
  readonly finalSamples: number;
  /** Test images that are not shifted, evaluated before the first and after the last epoch; left out: none. */
  readonly source?: InputImages;
}

/** Where a session begins: at step 0, or at a checkpoint. */
export interface TrainingStart {
  readonly nextStep: number;
  readonly state: Int8Array;
  /** Whether an earlier part of the run has recorded this evaluation already. */
  isRecorded(epoch: number, images: number, of?: 'test' | 'source'): boolean;
  /** Whether the accuracy with the initial scores is recorded already. */
  readonly isInitialRecorded: boolean;
}

/** Gives the id of the session that `plan` begins, 8 bytes; checkpoints carry it. */
export function planSessionId(plan: TrainingPlan): Uint8Array {
  return sessionIdOf(plan.network, plan.settings, plan.seed, plan.initialState, plan.narrowing);
}

/** Counts the steps of all epochs. */
export function totalSteps(plan: TrainingPlan): number {
  return plan.epochs * plan.training.count;
}

/** Gives the start of a run that has recorded nothing yet. */
export function startAtZero(plan: TrainingPlan): TrainingStart {
  return { nextStep: 0, state: plan.initialState, isRecorded: () => false, isInitialRecorded: false };
}

/** Test images after each epoch unless told otherwise. */
const DEFAULT_EVAL_SAMPLES = 1000;

/**
 * Makes the plan of a request.
 * @param request with the method's defaults filled in
 * @param sourceTest test images as they are before any shift
 * @param prepared where inputs of a set are kept between sessions
 * @throws UsageError SEED_BEYOND_SET, TOO_MANY_EVAL_SAMPLES, NARROW_MALFORMED
 */
export function planOf(
  request: RunRequest,
  setup: MethodSetup,
  { train, test }: Dataset,
  sourceTest: ImageSet,
  prepared: (set: ImageSet) => PreparedImages,
): TrainingPlan {
  const { samples, seed, evalSamples, epochs, evalEvery = 1, memory, cores } = request;
  const guarded = request.variant === 'steady' ? guardImages(samples) : 0;
  const first = firstTrainingImage(train, seed, samples);
  const trained = samples - guarded;
  const shifts = recordedShifts(request);
  const source = sourceImages(request, shifts, sourceTest);
  return {
    ...setup,
    seed,
    epochs,
    ...narrowingOf(request),
    training: new InputImages(train, first, trained, shifts, prepared(train)),
    ...(guarded > 0 && { guard: new InputImages(train, first + trained, guarded, shifts, prepared(train)) }),
    test: new InputImages(test, 0, test.count, shifts, prepared(test)),
    evalEvery,
    evalSamples: evalSamples ?? Math.min(DEFAULT_EVAL_SAMPLES, test.count),
    finalSamples: evaluatedImages(evalSamples, test),
    ...(source && { source }),
    ...(memory === undefined ? {} : { memoryLimitBytes: memory }),
    ...(cores === undefined ? {} : { cores }),
  };
}

/** Returns as many unshifted images as `--eval-source` says; undefined: none, or nothing is shifted. */
function sourceImages(
  { transferDir, evalSource, evalSamples }: RunRequest,
  shifts: readonly Shift[],
  sourceTest: ImageSet,
): InputImages | undefined {
  if (evalSource === 0 || (shifts.length === 0 && transferDir === undefined)) return undefined;
  const count = evalSource ?? Math.min(evalSamples ?? DEFAULT_EVAL_SAMPLES, sourceTest.count);
  const set = { ...sourceTest, name: `${sourceTest.name}, unshifted` };
  return new InputImages(set, 0, evaluatedImages(count, set, '--eval-source'), []);
}

function narrowingOf({ narrow }: RunRequest): { narrowing?: readonly number[] } {
  if (narrow === undefined) return {};
  const narrowing = epochList.parse(narrow);
  if (narrowing !== undefined) return { narrowing };
  throw new UsageError(
    'NARROW_MALFORMED',
    `--narrow ${narrow} is no list of ascending numbers of epochs`,
    'write it as 16,24: after 16 epochs steps are one bit narrower, after 24 another',
  );
}
