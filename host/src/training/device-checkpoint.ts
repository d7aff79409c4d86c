/** The checkpoint that a device keeps of a session in its own flash, from which any host can go on. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { CapacityError, DataError, DeviceError } from '../errors.js';
import { hexadecimal } from '../files.js';
import type { Connection } from '../link/connection.js';
import type { HelloReply } from '../link/link.js';
import { type DeviceCheckpoint, Tensor } from '../link/messages.js';
import { edgeCount } from '../network/network-shape.js';
import type { InputImages } from './input-images.js';
import { bytesOf, readTensor } from './network-on-device.js';
import { planSessionId, type TrainingPlan, totalSteps } from './plan.js';
import { travellingElements, wholeState } from './scored-state.js';

/** Erasures of a sector that the flash chip stands at least (W25Q16JV data sheet). */
export const FLASH_ENDURANCE = 100_000;

/** Erasures of a sector by so many saves: they go into two slots in turn. */
export function erasuresBy(saves: number): number {
  return Math.ceil(saves / 2);
}

/**
 * Computes the training id: what a session id does not say and the steps depend on, in 8 bytes: the beginning of
 * SHA-256 over the label, as one byte, and the input of every training image. Their order follows from the seed.
 */
export function trainingIdOf(training: InputImages): Uint8Array {
  const hash = createHash('sha256');
  for (let index = 0; index < training.count; index += 1) {
    hash.update(Uint8Array.of(training.label(index))).update(training.input(index));
  }
  return Uint8Array.from(hash.digest().subarray(0, 8));
}

/**
 * Checks that the device can keep the state.
 * @throws DeviceError NO_DEVICE_CHECKPOINTS, CapacityError STATE_TOO_LARGE when the device cannot keep the state
 */
export function checkKeepsState({ checkpointBytes }: HelloReply, plan: TrainingPlan): void {
  if (checkpointBytes === 0) {
    throw new DeviceError(
      'NO_DEVICE_CHECKPOINTS',
      "the device's firmware keeps no checkpoints",
      'put newer firmware on the board: priot flash; or leave --device-checkpoint out',
    );
  }
  const bytes = stateBytesOf(plan);
  if (bytes > checkpointBytes) {
    const [needed, there] = [bytes, checkpointBytes].map((count) => count.toLocaleString('en'));
    throw new CapacityError(
      'STATE_TOO_LARGE',
      `the learned state takes ${needed} bytes and the device's checkpoint ${there}`,
      'leave --device-checkpoint out: the run folder holds a checkpoint all the same',
    );
  }
}

/**
 * Asks what the device holds, whatever it is of; undefined: nothing.
 * @throws what the connection throws
 */
export async function findDeviceCheckpoint(
  connection: Connection,
  signal: AbortSignal,
): Promise<DeviceCheckpoint | undefined> {
  const found = await connection.untilDone((link) => link.request('readCheckpoint', {}, { signal }), signal);
  return found.sequence === 0 ? undefined : found;
}

/** Tells whether a checkpoint is of the session and the images of the plan. */
export function isOfPlan(checkpoint: DeviceCheckpoint, plan: TrainingPlan, trainingId: Uint8Array): boolean {
  return equal(checkpoint.sessionId, planSessionId(plan)) && equal(checkpoint.trainingId, trainingId);
}

/**
 * Reads the learned state that the device holds.
 * @param found of that device
 * @throws DataError DEVICE_CHECKPOINT_MISSING, DEVICE_CHECKPOINT_DIFFERS when there is none to go on with for `plan`
 */
export async function readDeviceState(
  connection: Connection,
  found: DeviceCheckpoint | undefined,
  plan: TrainingPlan,
  trainingId: Uint8Array,
  signal: AbortSignal,
): Promise<Int8Array> {
  if (found === undefined) {
    throw new DataError(
      'DEVICE_CHECKPOINT_MISSING',
      'the device holds no checkpoint',
      'sessions begun with --device-checkpoint leave one after each epoch; without --from-device-checkpoint one begins',
    );
  }
  const difference = differenceFrom(plan, trainingId, found);
  if (difference !== undefined) {
    throw new DataError(
      'DEVICE_CHECKPOINT_DIFFERS',
      `the device's checkpoint, before step ${found.nextStep}, ${difference}`,
      'give the options of the run that made it (asked, in its run.json); or begin anew with --device-checkpoint, ' +
        'which writes over it',
    );
  }
  const travelled = await connection.untilDone(
    (link) => readTensor(link, Tensor.TENSOR_CHECKPOINT, found.stateBytes),
    signal,
  );
  if (crc32(bytesOf(travelled)) !== found.stateCrc) {
    throw new DeviceError(
      'DEVICE_CHECKPOINT_DAMAGED',
      "the device's checkpoint does not have its checksum any more",
      'begin anew with --device-checkpoint; if it happens again, the flash is worn: use another board',
    );
  }
  return wholeState(travelled, plan.settings);
}

/** Bytes of the learned state as it travels, and as a device keeps it. */
function stateBytesOf({ network, settings }: TrainingPlan): number {
  return travellingElements(edgeCount(network), settings);
}

function differenceFrom(plan: TrainingPlan, trainingId: Uint8Array, found: DeviceCheckpoint): string | undefined {
  const sessionId = planSessionId(plan);
  if (!equal(found.sessionId, sessionId) || found.stateBytes !== stateBytesOf(plan)) {
    const [its, ours] = [found.sessionId, sessionId].map(hexadecimal);
    return `is of session ${its}; these options are session ${ours}`;
  }
  if (!equal(found.trainingId, trainingId)) return 'is of other training images: data set, angle or samples differ';
  const steps = totalSteps(plan);
  if (found.nextStep > steps) return `is beyond the last of the ${steps} steps asked for`;
  return undefined;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
