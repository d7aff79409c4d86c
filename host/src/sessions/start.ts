/** Where a run begins: at step 0, at the checkpoint of its folder, or at the one that the device holds. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { hexadecimal } from '../files.js';
import { edgeCount } from '../network/network-shape.js';
import type { Checkpoint, RunFolder } from '../runs/run-folder.js';
import { planSessionId, startAtZero, type TrainingPlan, type TrainingStart, totalSteps } from '../training/plan.js';

export type Start =
  | { readonly from: 'zero' }
  /** The run goes on in its folder. Without a checkpoint it is replayed from step 0. */
  | { readonly from: 'folder'; readonly checkpoint: Checkpoint | undefined; readonly evaluations: ReadonlySet<string> }
  /** Whatever host began it: a new folder, the device's learned state. */
  | { readonly from: 'device'; readonly checkpoint: KeptCheckpoint };

/** The name, in the set of evaluations, of the one with the initial scores. */
const INITIAL = 'initial';

/** A checkpoint that a device keeps. */
export interface KeptCheckpoint {
  readonly nextStep: number;
  /** How many saves the board had had. */
  readonly sequence: number;
  readonly state: Int8Array;
}

/**
 * Takes a folder back to its last checkpoint and says what begins there.
 * @throws DataError CHECKPOINT_OF_ANOTHER_RUN, and what reading the folder throws
 */
export function startInFolder(folder: RunFolder, plan: TrainingPlan): Start {
  const checkpoint = folder.readCheckpoint();
  if (checkpoint !== undefined) checkOfPlan(checkpoint, folder, plan);
  folder.truncateAfterStep(checkpoint?.nextStep ?? 0);
  const evaluations = new Set<string>();
  for (const event of folder.events()) {
    if (event.type === 'epoch') evaluations.add(`${event.epoch} ${event.images}`);
    if (event.type === 'source') evaluations.add(`${event.epoch} ${event.images} source`);
    if (event.type === 'initial') evaluations.add(INITIAL);
  }
  return { from: 'folder', checkpoint, evaluations };
}

function checkOfPlan({ nextStep, state, sessionId }: Checkpoint, folder: RunFolder, plan: TrainingPlan): void {
  const fits = state.length === edgeCount(plan.network) && nextStep <= totalSteps(plan);
  if (fits && hexadecimal(sessionId) === hexadecimal(planSessionId(plan))) return;
  throw new DataError(
    'CHECKPOINT_OF_ANOTHER_RUN',
    `the checkpoint in ${folder.path} belongs to another session`,
    `delete ${join(folder.path, 'state.bin')}: the run then replays from its first step`,
  );
}

/** Gives step and state of a start, and which evaluations are recorded already. */
export function trainingStart(start: Start, plan: TrainingPlan): TrainingStart {
  const zero = startAtZero(plan);
  switch (start.from) {
    case 'zero':
      return zero;
    case 'device':
      return { ...zero, nextStep: start.checkpoint.nextStep, state: start.checkpoint.state };
    case 'folder': {
      const { checkpoint, evaluations } = start;
      const isRecorded = (epoch: number, images: number, of: 'test' | 'source' = 'test') =>
        evaluations.has(of === 'test' ? `${epoch} ${images}` : `${epoch} ${images} source`);
      const begun = { ...zero, isRecorded, isInitialRecorded: evaluations.has(INITIAL) };
      if (checkpoint === undefined) return begun;
      return { ...begun, nextStep: checkpoint.nextStep, state: new Int8Array(checkpoint.state) };
    }
  }
}
