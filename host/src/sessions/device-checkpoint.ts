/** Runs that leave checkpoints on the device: what is there, what begins there, and what the flash stands. */
import { hexadecimal } from '../files.js';
import type { Connection } from '../link/connection.js';
import type { DeviceCheckpoint } from '../link/messages.js';
import {
  checkKeepsState,
  erasuresBy,
  FLASH_ENDURANCE,
  findDeviceCheckpoint,
  isOfPlan,
  readDeviceState,
  trainingIdOf,
} from '../training/device-checkpoint.js';
import { type TrainingPlan, totalSteps } from '../training/plan.js';
import { type Start, trainingStart } from './start.js';

/** What a device keeps, and the id under which it will keep the checkpoints of this run. */
export interface DeviceKeeping {
  readonly trainingId: Uint8Array;
  /** Whatever it is of; undefined: nothing. */
  readonly found: DeviceCheckpoint | undefined;
}

/** Asks the device what it keeps. @throws what checkKeepsState and findDeviceCheckpoint throw */
export async function askDevice(
  connection: Connection,
  plan: TrainingPlan,
  signal: AbortSignal,
): Promise<DeviceKeeping> {
  checkKeepsState(connection.link.hello, plan);
  return { trainingId: trainingIdOf(plan.training), found: await findDeviceCheckpoint(connection, signal) };
}

/** Begins at the checkpoint that the device keeps. @throws what readDeviceState throws */
export async function startOnDevice(
  connection: Connection,
  plan: TrainingPlan,
  { trainingId, found }: DeviceKeeping,
  signal: AbortSignal,
): Promise<Start> {
  const state = await readDeviceState(connection, found, plan, trainingId, signal);
  const { nextStep, sequence } = found!;
  return { from: 'device', checkpoint: { nextStep, sequence, state } };
}

/** Says what the device's checkpoints wear, and what they write over. */
export function* deviceCheckpointNotices(plan: TrainingPlan, start: Start, keeping: DeviceKeeping): Iterable<string> {
  const { trainingId, found } = keeping;
  const { nextStep } = trainingStart(start, plan);
  if (start.from === 'device') {
    yield `going on from the device's checkpoint, before step ${nextStep} of ${totalSteps(plan)}`;
  } else if (start.from === 'zero' && found !== undefined) {
    yield overwriting(found, isOfPlan(found, plan, trainingId));
  }
  yield expectedWear(plan, nextStep, found);
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
