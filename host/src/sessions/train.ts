/** Trains a network on a device, into a run folder: a new run, one that is gone on with, or one that is repeated. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { command } from '../command.js';
import { rotationDifference } from '../dataset/rotation.js';
import { requireDeviceName } from '../device/open.js';
import { DataError, UsageError } from '../errors.js';
import { hexadecimal } from '../files.js';
import type { Connection } from '../link/connection.js';
import { epochList } from '../options/kinds.js';
import { complete, record as recorded, words } from '../options/option.js';
import { type ResumeOptions, resumeOptions, type TrainOptions, trainOptions } from '../options/train.js';
import { trainingOptions } from '../options/training.js';
import { RunFolder, readManifest } from '../runs/run-folder.js';
import type { RunManifest, RunRequest, RunSummary } from '../runs/run-manifest.js';
import { planSessionId, type TrainingPlan } from '../training/plan.js';
import { TrainingSession } from '../training/session.js';
import { ConsoleLog } from './console-log.js';
import { askDevice, type DeviceKeeping, deviceCheckpointNotices, startOnDevice } from './device-checkpoint.js';
import type { Context, TrainEvent } from './events.js';
import { InputCache, type Inputs, planOfInputs } from './inputs.js';
import { type DeviceChoice, openDevice } from './open-device.js';
import { provenanceOf } from './provenance.js';
import { record } from './record.js';
import { type Start, startInFolder, trainingStart } from './start.js';
import { startTracking, type Tracking, type TrackTarget, trackTargets } from './tracking.js';

/** A run as it is asked for. */
export interface RunJob {
  readonly asked: RunRequest;
  /** The run that is gone on with or repeated. */
  readonly original?: RunManifest;
  readonly device: DeviceChoice;
  readonly begins: Start['from'];
  /** The folder to make, named by time when it is left out; of a run that is gone on with, its folder. */
  readonly path: string | undefined;
  /** The command for run.json. */
  readonly command: readonly string[];
  /** Where the run is sent while it goes on. */
  readonly track: readonly TrackTarget[];
}

/**
 * Trains a network and writes a run folder. Nothing is left behind when the run cannot begin.
 * @param cache what earlier sessions of this process have read; left out: nothing
 * @returns the summary that `priot train --json` prints
 * @throws UsageError of the options; DataError of network, data and folder; DeviceError; CapacityError; InterruptedError, or
 *   the signal's reason before the first step
 */
export async function train(
  options: TrainOptions = {},
  context: Context<TrainEvent> = {},
  cache: InputCache = new InputCache(),
): Promise<RunSummary> {
  return runJob(newRun(options, context), cache, context);
}

/**
 * Goes on with an interrupted run where its last checkpoint is.
 * @throws UsageError RUN_DONE, PLACE_DIFFERS, and as train
 */
export async function resume(
  options: ResumeOptions,
  context: Context<TrainEvent> = {},
  cache: InputCache = new InputCache(),
): Promise<RunSummary> {
  return runJob(interruptedRun(options), cache, context);
}

function newRun(options: TrainOptions, context: Context<TrainEvent>): RunJob {
  const given = complete('train', trainOptions, options);
  const { fromRun, device, bootRom, faults, out } = given;
  const original = fromRun === undefined ? undefined : readManifest(fromRun);
  const difference = original && rotationDifference(original.provenance.dataset.rotation, original.asked.angle);
  if (difference !== undefined) context.onEvent?.({ type: 'notice', warning: true, text: `${fromRun}: ${difference}` });
  const request = original?.asked ?? {
    ...recorded(trainingOptions, given),
    // Images that are shifted already are not turned unless that is asked for.
    ...(given.transferDir !== undefined && options.angle === undefined && { angle: 0 }),
    evalSamples: given.evalSamples ?? null,
    device: device ?? '',
  };
  const narrowed = epochList.parse(request.narrow ?? '') ?? [];
  const late = narrowed.filter((epoch) => epoch >= request.epochs);
  if (late.length > 0) {
    const text = `--narrow ${late.join(',')} has no effect: the run ends after epoch ${request.epochs}`;
    context.onEvent?.({ type: 'notice', warning: true, text });
  }
  return {
    asked: { ...request, ...changesOf(given) },
    ...(original && { original }),
    device: { device: device ?? original?.asked.device, bootRom, faults },
    begins: given.fromDeviceCheckpoint ? 'device' : 'zero',
    path: out,
    command: context.command ?? ['train', ...words(trainOptions, options)],
    track: trackTargets(given.track ?? [], process.env),
  };
}

function interruptedRun(options: ResumeOptions): RunJob {
  const given = complete('resume', resumeOptions, options);
  const path = given.run;
  const original = readManifest(path);
  const repeat = command('train', { fromRun: path });
  if (original.summary !== undefined) throw new UsageError('RUN_DONE', `${path} is done`, `to repeat it: ${repeat}`);
  const difference = rotationDifference(original.provenance.dataset.rotation, original.asked.angle);
  if (difference !== undefined) {
    throw new DataError(
      'ROTATION_DIFFERS',
      `${path}: ${difference}: it cannot be continued exactly`,
      `train it anew: ${repeat}`,
    );
  }
  return {
    asked: { ...original.asked, ...changesOf(given) },
    original,
    device: { device: given.device ?? original.asked.device, bootRom: given.bootRom, faults: given.faults },
    begins: 'folder',
    path,
    command: original.command,
    track: trackTargets(given.track ?? [], process.env),
  };
}

interface Changeable {
  readonly dataDir?: string | undefined;
  readonly deviceCheckpoint?: boolean | undefined;
  readonly fromDeviceCheckpoint?: boolean | undefined;
}

/** What may be asked anew of a run that is resumed or repeated. */
function changesOf(given: Changeable): { dataDir?: string; deviceCheckpoint?: boolean } {
  const { dataDir, deviceCheckpoint, fromDeviceCheckpoint } = given;
  return {
    ...(dataDir !== undefined && { dataDir }),
    ...((deviceCheckpoint || fromDeviceCheckpoint) && { deviceCheckpoint: true }),
  };
}

/** load -> plan -> open -> record. */
async function runJob(job: RunJob, cache: InputCache, context: Context<TrainEvent>): Promise<RunSummary> {
  const { signal = new AbortController().signal, onEvent = () => {} } = context;
  await requireDeviceName(job.device.device);
  const inputs = await cache.load(job.asked, job.original, context);
  const plan = planSession(inputs, job.original);
  const consoleLog = new ConsoleLog();
  const connection = await openDevice(job.device, context, consoleLog.add);
  let folder: RunFolder | undefined;
  let tracking: Tracking | undefined;
  try {
    folder = job.begins === 'folder' ? openFolder(job, connection) : undefined;
    const keeping = job.asked.deviceCheckpoint ? await askDevice(connection, plan, signal) : undefined;
    const begun = await startOf(job, plan, connection, folder, keeping, signal);
    if (keeping !== undefined) {
      for (const text of deviceCheckpointNotices(plan, begun, keeping)) onEvent({ type: 'notice', text });
    }
    const start = trainingStart(begun, plan);
    const session = await TrainingSession.open(connection, plan, start, signal, keeping?.trainingId);
    folder ??= createFolder(job, inputs, connection, session.sessionId, begun);
    consoleLog.connect(folder);
    onEvent({ type: 'run', run: folder.path });
    tracking = await startTracking(job.track, folder);
    const { epochs, training, evalSamples, evalEvery = 1, finalSamples } = plan;
    const { nextStep } = start;
    const planned = { epochs, samples: training.count, nextStep, evalSamples, evalEvery, finalSamples };
    onEvent({ type: 'plan', ...planned, memory: session.memoryPlan });
    return await record({ plan, start, connection, session, folder, tracking }, signal, onEvent);
  } finally {
    folder?.close();
    await connection.close();
    for (const text of (await tracking?.close()) ?? []) onEvent({ type: 'tracking', text });
  }
}

/**
 * Plans the session of what was loaded.
 * @param original a run that it must be the session of
 * @throws DataError SESSION_DIFFERS; what planOf throws
 */
export function planSession(inputs: Inputs, original?: RunManifest): TrainingPlan {
  const plan = planOfInputs(inputs);
  const sessionId = hexadecimal(planSessionId(plan));
  if (original !== undefined && sessionId !== original.provenance.sessionId) {
    throw new DataError(
      'SESSION_DIFFERS',
      `this priot would train another session, ${sessionId}, not ${original.provenance.sessionId}`,
      `use the priot that began the run: ${original.provenance.host.priot}`,
    );
  }
  return plan;
}

function openFolder({ original, path }: RunJob, { link }: Connection): RunFolder {
  if (link.place !== original!.place) {
    throw new UsageError(
      'PLACE_DIFFERS',
      `${path} was begun ${original!.place}, ${link.device.description.name} is ${link.place}: cycles would mix`,
      `go on where it began, or repeat it elsewhere: ${command('train', { fromRun: path! })}`,
    );
  }
  return RunFolder.open(path!);
}

async function startOf(
  { begins }: RunJob,
  plan: TrainingPlan,
  connection: Connection,
  folder: RunFolder | undefined,
  keeping: DeviceKeeping | undefined,
  signal: AbortSignal,
): Promise<Start> {
  switch (begins) {
    case 'zero':
      return { from: 'zero' };
    case 'folder':
      return startInFolder(folder!, plan);
    case 'device':
      return startOnDevice(connection, plan, keeping!, signal);
  }
}

function createFolder(
  { path, command }: RunJob,
  inputs: Inputs,
  { link }: Connection,
  sessionId: Uint8Array,
  start: Start,
): RunFolder {
  const asked = { ...inputs.request, device: link.device.description.name };
  return RunFolder.create(path ?? unusedFolder(asked), {
    version: 1,
    command: [...command],
    createdAt: new Date().toISOString(),
    asked,
    provenance: provenanceOf(link, inputs, sessionId),
    place: link.place,
    ...(start.from === 'device' && {
      begunAt: { step: start.checkpoint.nextStep, sequence: start.checkpoint.sequence },
    }),
  });
}

/** The name of a data set, or the last part of the path of one's own; no working directory is needed for it. */
function nameOf(dataset: string): string {
  const name = basename(dataset);
  return /^\.{0,2}$/.test(name) ? 'own' : name;
}

/** Gives a name by time and what is trained, that no folder has yet. A data set of the user's own is a path. */
function unusedFolder({ dataset, angle, shift, method }: RunRequest): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  const shifts = shift === undefined ? '' : `-${shift.replaceAll(':', '')}`;
  const base = join('runs', `${time}-${nameOf(dataset)}-${angle}${shifts}-${method}`);
  let path = base;
  for (let number = 2; existsSync(path); number += 1) path = `${base}-${number}`;
  return path;
}
