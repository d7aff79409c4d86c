/** Where a run begins that leaves checkpoints on the device: at step 0, or at the one that is there. */
import { hexadecimal } from '../files.js';
import type { Connection } from '../link/connection.js';
import type { DeviceCheckpoint } from '../link/messages.js';
import type { RunManifest } from '../runs/run-manifest.js';
import {
  checkKeepsState,
  erasuresBy,
  FLASH_ENDURANCE,
  findDeviceCheckpoint,
  isOfPlan,
  readDeviceState,
  trainingIdOf,
} from '../training/device-checkpoint.js';
import { startAtZero, type TrainingPlan, type TrainingStart, totalSteps } from '../training/session.js';

export interface DeviceCheckpointStart {
  readonly start: TrainingStart;
  /** Under which the device keeps its checkpoints. */
  readonly trainingId: Uint8Array;
  readonly begunAt?: NonNullable<RunManifest['begunAt']>;
}

/**
 * Of a new run. Says what the checkpoints wear, and what they write over.
 * @throws what checkKeepsState, findDeviceCheckpoint and readDeviceState throw
 */
export async function startWithDeviceCheckpoint(
  connection: Connection,
  plan: TrainingPlan,
  { fromDeviceCheckpoint }: { fromDeviceCheckpoint?: true },
  signal: AbortSignal,
  notice: (text: string) => void,
): Promise<DeviceCheckpointStart> {
  checkKeepsState(connection.link.hello, plan.network);
  const trainingId = trainingIdOf(plan.training);
  const found = await findDeviceCheckpoint(connection, signal);
  if (!fromDeviceCheckpoint) {
    if (found !== undefined) notice(overwriting(found, isOfPlan(found, plan, trainingId)));
    notice(expectedWear(plan, 0, found));
    return { start: startAtZero(plan), trainingId };
  }
  const state = await readDeviceState(connection, found, plan, trainingId, signal);
  const { nextStep, sequence } = found!;
  notice(`going on from the device's checkpoint, before step ${nextStep} of ${totalSteps(plan)}`);
  notice(expectedWear(plan, nextStep, found));
  const start = { ...startAtZero(plan), nextStep, state };
  return { start, trainingId, begunAt: { step: nextStep, sequence } };
}

/**
 * Of a run that is resumed at `nextStep`, from its folder. Says what the checkpoints wear.
 * @returns the id under which the device keeps them
 * @throws what checkKeepsState and findDeviceCheckpoint throw
 */
export async function resumeWithDeviceCheckpoint(
  connection: Connection,
  plan: TrainingPlan,
  nextStep: number,
  signal: AbortSignal,
  notice: (text: string) => void,
): Promise<Uint8Array> {
  checkKeepsState(connection.link.hello, plan.network);
  notice(expectedWear(plan, nextStep, await findDeviceCheckpoint(connection, signal)));
  return trainingIdOf(plan.training);
}

function overwriting({ nextStep, sessionId }: DeviceCheckpoint, ofThisSession: boolean): string {
  const whose = ofThisSession ? 'this very session' : `session ${hexadecimal(sessionId)}`;
  const instead = ofThisSession ? '; to go on from it: --from-device-checkpoint' : '';
  return `the device holds a checkpoint of ${whose}, before step ${nextStep}: this run will write over it${instead}`;
}

function expectedWear(plan: TrainingPlan, nextStep: number, found: DeviceCheckpoint | undefined): string {
  const saves = plan.epochs - Math.floor(nextStep / plan.training.count);
  const [worn, wear, endurance] = [erasuresBy(found?.sequence ?? 0), erasuresBy(saves), FLASH_ENDURANCE].map((count) =>
    count.toLocaleString('en'),
  );
  return `device checkpoint: ${saves} more saves; erasures of a flash sector: ${worn} so far, ${wear} more, of at least ${endurance}`;
}
