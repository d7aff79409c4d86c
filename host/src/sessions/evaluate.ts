/** Measures the accuracy of a network on a device, frozen or with a learned state. */

import { join } from 'node:path';
import { command } from '../command.js';
import type { Dataset } from '../dataset/dataset.js';
import { formatShift, parseShift, type Shift, shiftsOf } from '../dataset/shifts.js';
import { requireDeviceName } from '../device/open.js';
import type { Place } from '../device/place.js';
import { DataError } from '../errors.js';
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';
import { readStateFile } from '../network/tensor-file.js';
import { recordedShifts } from '../options/data.js';
import { type EvaluateOptions, evaluateOptions } from '../options/measure.js';
import { complete } from '../options/option.js';
import { readCheckpoint, readManifest, runFiles } from '../runs/run-folder.js';
import { evaluatePersistently } from '../training/evaluation.js';
import { checkImages, evaluatedImages } from '../training/images.js';
import { InputImages } from '../training/input-images.js';
import { completeMethodRequest, setUpMethod } from '../training/method-request.js';
import type { CommonEvent, Context } from './events.js';
import { InputCache } from './inputs.js';
import { loadSessionDataset } from './load-dataset.js';
import { openDevice } from './open-device.js';
import { planSession } from './train.js';

/** What `priot eval --json` prints. */
export interface EvaluationDocument {
  readonly place: Place;
  readonly images: number;
  readonly correct: number;
  /** 0..1 */
  readonly accuracy: number;
}

/** What is about to be evaluated. */
export interface EvaluatingEvent {
  readonly type: 'evaluating';
  readonly images: number;
  /** The name of the images, such as `MNIST test images`. */
  readonly imageSet: string;
  /** What is done to them, in order: `rotate:45`, `noise:20`. */
  readonly shifts: readonly string[];
  /** Whether it is the frozen network, without a learned state. */
  readonly frozen: boolean;
}

export type EvaluateEvent = CommonEvent | EvaluatingEvent;

/** What is evaluated: a network with its settings, and the images. */
interface Subject {
  readonly network: Network;
  readonly settings: MethodSettings;
  /** undefined: the frozen network. */
  readonly state: Int8Array | undefined;
  readonly dataset: Dataset;
  readonly shifts: readonly Shift[];
  readonly device: string | undefined;
}

/**
 * Evaluates a network: frozen, with the state of a file, or with that of a run.
 * @throws UsageError of the options; DataError of network, data, state and run; DeviceError; the signal's reason
 */
export async function evaluate(
  options: EvaluateOptions = {},
  context: Context<EvaluateEvent> = {},
): Promise<EvaluationDocument> {
  const given = complete('eval', evaluateOptions, options);
  const { signal = new AbortController().signal, onEvent } = context;
  await requireDeviceName(options.device);
  const subject =
    given.run === undefined ? await subjectOfModel(options, context) : await subjectOfRun(given.run, options, context);
  const { network, settings, state, dataset, shifts, device } = subject;
  const images = evaluatedImages(given.evalSamples, dataset.test);
  const inputs = new InputImages(dataset.test, 0, images, shifts);
  const connection = await openDevice({ device, bootRom: given.bootRom, faults: given.faults }, context);
  try {
    const frozen = state === undefined;
    onEvent?.({ type: 'evaluating', images, imageSet: inputs.name, shifts: shifts.map(formatShift), frozen });
    // Every edge at 127 is kept, so the state of a frozen network does not matter.
    const put = { network, settings, state: state ?? new Int8Array(network.weights.length).fill(127) };
    let correct = 0;
    for await (const count of evaluatePersistently(connection, put, inputs, { frozen, signal })) {
      correct = count.correct;
      const text = `accuracy ${(correct / count.images).toFixed(3)}`;
      onEvent?.({ type: 'progress', what: 'accuracy', done: count.images, of: images, text });
    }
    const { place } = connection.link;
    return { place, images, correct, accuracy: correct / images };
  } finally {
    await connection.close();
  }
}

async function subjectOfModel(options: EvaluateOptions, context: Context<EvaluateEvent>): Promise<Subject> {
  const given = complete('eval', evaluateOptions, options);
  const { model, angle, shift = [], belowThreshold, state, device } = given;
  const { network: whole } = new InputCache().network(model);
  const asked = { method: 'priot' as const, ...(belowThreshold === undefined ? {} : { belowThreshold }) };
  const { network, settings } = setUpMethod(completeMethodRequest(asked, whole), whole, 0);
  const learned = state === undefined ? undefined : readStateFile(state, network.weights.length);
  const dataset = await loadSessionDataset(given, context);
  checkImages(network, dataset);
  return { network, settings, state: learned, dataset, shifts: shiftsOf(angle, shift.map(parseShift)), device };
}

/** Data set, shifts and device are those of the run, as far as the caller names no others. */
async function subjectOfRun(run: string, options: EvaluateOptions, context: Context<EvaluateEvent>): Promise<Subject> {
  const manifest = readManifest(run);
  const { asked } = manifest;
  const dataDir = options.dataDir ?? asked.dataDir;
  const inputs = await new InputCache().load({ ...asked, ...(dataDir && { dataDir }) }, manifest, context);
  const { network, settings } = planSession(inputs, manifest);
  const state = stateOfRun(run, network.weights.length);
  // How a set is read belongs to the set: of another one, the run says nothing.
  const { transferDir = asked.dataset } = asked;
  const { dataset: another = transferDir } = options;
  const how = another === transferDir ? asked : {};
  const dataset = await loadSessionDataset({ ...how, ...options, dataset: another, dataDir }, context);
  checkImages(network, dataset);
  const { angle = asked.angle, device = asked.device } = options;
  const shifts =
    options.shift === undefined
      ? recordedShifts({ angle, shift: asked.shift })
      : shiftsOf(angle, options.shift.map(parseShift));
  return { network, settings, state, dataset, shifts, device };
}

/** Reads the learned state of a run, one byte per edge. @throws DataError NO_STATE */
export function stateOfRun(run: string, edges: number): Int8Array {
  const checkpoint = readCheckpoint(run);
  if (checkpoint === undefined || checkpoint.state.length !== edges) {
    throw new DataError(
      'NO_STATE',
      `${join(run, runFiles.checkpoint)} holds no learned state of this network`,
      `go on with the run: ${command('train', { resume: run })}`,
    );
  }
  return new Int8Array(checkpoint.state);
}
