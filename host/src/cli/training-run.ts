/** A training run from its options to its summary: inputs, device, run folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatasetName } from '../dataset/dataset.js';
import { rotationDifference } from '../dataset/rotation.js';
import type { Faults } from '../device/faulty/faults.js';
import { DataError, DeviceError, InterruptedError, UsageError } from '../errors.js';
import { hexadecimal } from '../files.js';
import type { Connection } from '../link/connection.js';
import type { MemoryPlan } from '../link/messages.js';
import type { MethodName } from '../network/network.js';
import { edgeCount } from '../network/network-shape.js';
import type { MemoryEvent } from '../runs/events.js';
import { type Checkpoint, RunFolder, readManifest } from '../runs/run-folder.js';
import type { CalibrationSource, EdgeSelection, EvalSet, RunRequest, RunSummary } from '../runs/run-manifest.js';
import { type RunMetrics, summariseMetrics } from '../runs/run-metrics.js';
import { openDevice } from '../sessions/open-device.js';
import { bytesOf } from '../training/network-on-device.js';
import {
  planSessionId,
  type SessionEvent,
  startAtZero,
  type TrainingPlan,
  TrainingSession,
  type TrainingStart,
  totalSteps,
} from '../training/session.js';
import { stateDigest } from '../training/session-id.js';
import { resumeWithDeviceCheckpoint, startWithDeviceCheckpoint } from './device-checkpoint-start.js';
import { showDevice } from './device-lines.js';
import { provenanceOf } from './provenance.js';
import type { InputStore, RunInputs } from './run-inputs.js';

/** Of the command line, parsed. */
export interface TrainOptions {
  device?: string;
  model: string;
  dataset: DatasetName;
  dataDir?: string;
  angle: number;
  method: MethodName;
  belowThreshold?: string;
  threshold?: number;
  calibrate?: CalibrationSource;
  mu?: number;
  narrow?: string;
  lastErrorCorrection?: number;
  firstScoreCorrection?: number;
  select?: EdgeSelection;
  scored?: number;
  budget?: string;
  samples: number;
  epochs: number;
  seed: number;
  evalSamples?: number;
  evalEvery?: number;
  evalSet?: EvalSet;
  memory?: number;
  out?: string;
  resume?: string;
  fromRun?: string;
  deviceCheckpoint?: true;
  fromDeviceCheckpoint?: true;
  json?: true;
  faults?: Faults;
  quiet?: true;
}

export interface FinishedRun {
  summary: RunSummary;
  memory: MemoryEvent | null;
}

/** What a run is told about besides its options. */
export interface Surroundings {
  readonly inputs: InputStore;
  readonly reporter: RunReporter;
  /** For run.json: the arguments of the command line. */
  readonly command: readonly string[];
}

/** Who is told how a run goes. */
export interface RunReporter {
  /** What devices and folders are used, and what to do after an error. */
  notice(text: string): void;
  begin(plan: TrainingPlan, memory: MemoryPlan): void;
  show(event: SessionEvent): void;
  /** Takes away what it shows. */
  end(): void;
}

/** A new run, or one like `--from-run`. Nothing is left behind when it cannot begin. */
export async function startRun(
  options: TrainOptions,
  signal: AbortSignal,
  surroundings: Surroundings,
): Promise<FinishedRun> {
  const original = options.fromRun === undefined ? undefined : readManifest(options.fromRun);
  const asked = original === undefined ? requestOf(options) : { ...original.asked, ...changesOf(options) };
  const inputs = await surroundings.inputs.load(asked, original, signal);
  const difference = original && rotationDifference(original.provenance.dataset.rotation, original.asked.angle);
  if (difference !== undefined) surroundings.reporter.notice(`${options.fromRun}: ${difference}`);
  const consoleLog = new ConsoleLog();
  const connection = await openDevice(
    { device: options.device ?? original?.asked.device, faults: options.faults },
    { signal, onEvent: showDevice },
    consoleLog.add,
  );
  try {
    const { plan } = inputs;
    const notice = (text: string) => surroundings.reporter.notice(text);
    const { start, trainingId, begunAt } = asked.deviceCheckpoint
      ? await startWithDeviceCheckpoint(connection, plan, options, signal, notice)
      : { start: startAtZero(plan) };
    const session = await TrainingSession.open(connection, plan, start, signal, trainingId);
    const { link } = connection;
    const request = { ...inputs.request, device: link.device.description.name };
    const folder = RunFolder.create(options.out ?? unusedFolder(request), {
      version: 1,
      command: [...surroundings.command],
      createdAt: new Date().toISOString(),
      asked: request,
      provenance: provenanceOf(link, inputs.file, inputs.dataset, session.sessionId),
      place: link.place,
      ...(begunAt && { begunAt }),
    });
    const active = { folder, connection, session, start, consoleLog, signal, ...inputs };
    return await runInFolder(active, surroundings.reporter);
  } finally {
    await connection.close();
  }
}

/** Goes on with an interrupted run where its last checkpoint is. */
export async function resumeRun(
  options: Pick<TrainOptions, 'device' | 'dataDir' | 'faults' | 'deviceCheckpoint'>,
  path: string,
  signal: AbortSignal,
  surroundings: Surroundings,
): Promise<FinishedRun> {
  const manifest = readManifest(path);
  if (manifest.summary !== undefined) {
    throw new UsageError('RUN_DONE', `${path} is done`, `to repeat it: priot train --from-run ${path}`);
  }
  const difference = rotationDifference(manifest.provenance.dataset.rotation, manifest.asked.angle);
  if (difference !== undefined) {
    throw new DataError(
      'ROTATION_DIFFERS',
      `${path}: ${difference}: it cannot be continued exactly`,
      `train it anew: priot train --from-run ${path}`,
    );
  }
  const asked = { ...manifest.asked, ...changesOf(options) };
  const inputs = await surroundings.inputs.load(asked, manifest, signal);
  const consoleLog = new ConsoleLog();
  const connection = await openDevice(
    { device: options.device ?? manifest.asked.device, faults: options.faults },
    { signal, onEvent: showDevice },
    consoleLog.add,
  );
  let folder: RunFolder | undefined;
  try {
    const { link } = connection;
    if (link.place !== manifest.place) {
      throw new UsageError(
        'PLACE_DIFFERS',
        `${path} was begun ${manifest.place}, ${link.device.description.name} is ${link.place}: cycles would mix`,
        `go on where it began, or repeat it elsewhere: priot train --from-run ${path}`,
      );
    }
    folder = RunFolder.open(path);
    const checkpoint = folder.readCheckpoint();
    folder.truncateAfterStep(checkpoint?.nextStep ?? 0);
    const start = startAt(checkpoint, folder, inputs.plan);
    const notice = (text: string) => surroundings.reporter.notice(text);
    const trainingId = asked.deviceCheckpoint
      ? await resumeWithDeviceCheckpoint(connection, inputs.plan, start.nextStep, signal, notice)
      : undefined;
    const session = await TrainingSession.open(connection, inputs.plan, start, signal, trainingId);
    const active = { folder, connection, session, start, consoleLog, signal, ...inputs };
    return await runInFolder(active, surroundings.reporter);
  } finally {
    folder?.close();
    await connection.close();
  }
}

/** What the command line asks: run.json has it once the method's defaults are filled in. */
export function requestOf(options: TrainOptions): RunRequest {
  const { model, dataset, angle, method, samples, epochs, seed, evalSamples, device } = options;
  const { belowThreshold, threshold, calibrate, mu, lastErrorCorrection, firstScoreCorrection } = options;
  const { narrow, select, scored, budget, evalEvery, evalSet, memory } = options;
  return {
    model,
    dataset,
    ...dataDirOf(options),
    angle,
    method,
    ...given({ belowThreshold, threshold, calibrate, mu, lastErrorCorrection, firstScoreCorrection }),
    ...given({ narrow, select, scored, budget, evalEvery, evalSet, memory }),
    samples,
    epochs,
    seed,
    evalSamples: evalSamples ?? null,
    device: device ?? '',
    ...deviceCheckpointOf(options),
  };
}

function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}

function dataDirOf({ dataDir }: Pick<TrainOptions, 'dataDir'>): { dataDir?: string } {
  return dataDir === undefined ? {} : { dataDir };
}

type Changeable = Pick<TrainOptions, 'dataDir' | 'deviceCheckpoint' | 'fromDeviceCheckpoint'>;

function deviceCheckpointOf({ deviceCheckpoint, fromDeviceCheckpoint }: Changeable): { deviceCheckpoint?: boolean } {
  return deviceCheckpoint || fromDeviceCheckpoint ? { deviceCheckpoint: true } : {};
}

/** What may be asked anew of a run that is resumed or repeated. */
function changesOf(options: Changeable): { dataDir?: string; deviceCheckpoint?: boolean } {
  return { ...dataDirOf(options), ...deviceCheckpointOf(options) };
}

/** A name by time and what is trained, that no folder has yet. */
function unusedFolder({ dataset, angle, method }: RunRequest): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  const base = join('runs', `${time}-${dataset}-${angle}-${method}`);
  let path = base;
  for (let number = 2; existsSync(path); number += 1) path = `${base}-${number}`;
  return path;
}

function startAt(checkpoint: Checkpoint | undefined, folder: RunFolder, plan: TrainingPlan): TrainingStart {
  const recorded = new Set<string>();
  for (const event of folder.events()) if (event.type === 'epoch') recorded.add(`${event.epoch} ${event.images}`);
  const isRecorded = (epoch: number, images: number) => recorded.has(`${epoch} ${images}`);
  if (checkpoint === undefined) return { ...startAtZero(plan), isRecorded };
  const { nextStep, state, sessionId } = checkpoint;
  const fits = state.length === edgeCount(plan.network) && nextStep <= totalSteps(plan);
  if (!fits || hexadecimal(sessionId) !== hexadecimal(planSessionId(plan))) {
    throw new DataError(
      'CHECKPOINT_OF_ANOTHER_RUN',
      `the checkpoint in ${folder.path} belongs to another session`,
      `delete ${join(folder.path, 'state.bin')}: the run then replays from its first step`,
    );
  }
  return { nextStep, state: Int8Array.from(new Int8Array(state.buffer, state.byteOffset, state.length)), isRecorded };
}

interface ActiveRun extends RunInputs {
  folder: RunFolder;
  connection: Connection;
  session: TrainingSession;
  start: TrainingStart;
  consoleLog: ConsoleLog;
  signal: AbortSignal;
}

async function runInFolder(run: ActiveRun, reporter: RunReporter): Promise<FinishedRun> {
  const { folder, session, plan, start, signal } = run;
  const startedMs = performance.now();
  reporter.notice(`run folder ${folder.path}`);
  reporter.begin(plan, session.memoryPlan);
  run.consoleLog.connect(folder);
  let { nextStep, state } = start;
  let deviceCheckpoint: RunSummary['deviceCheckpoint'];
  const save = () => folder.writeCheckpoint({ nextStep, sessionId: session.sessionId, state: bytesOf(state) });
  try {
    save();
    for await (const event of session.run(signal)) {
      reporter.show(event);
      if (event.type === 'checkpoint') {
        ({ nextStep, state } = event);
        save();
      } else if (event.type === 'device-checkpoint') {
        deviceCheckpoint = { nextStep: event.nextStep, sequence: event.sequence };
      } else if (event.type !== 'evaluation') {
        folder.append(event);
      }
    }
    const metrics = summariseMetrics(folder.events());
    const wallSeconds = (performance.now() - startedMs) / 1000;
    const summary = { ...summaryOf(run, metrics, state, wallSeconds), ...(deviceCheckpoint && { deviceCheckpoint }) };
    folder.finish(summary);
    return { summary, memory: metrics.memory };
  } catch (error) {
    reporter.end();
    const resume = `priot train --resume ${folder.path}`;
    if (error instanceof InterruptedError) {
      throw new InterruptedError(`interrupted; saved before step ${nextStep} of ${totalSteps(plan)}`, resume);
    }
    reporter.notice(`saved before step ${nextStep} of ${totalSteps(plan)}; to go on: ${resume}`);
    if (error instanceof DeviceError) throw new DeviceError(error.code, error.message, resume, { cause: error.cause });
    throw error;
  } finally {
    folder.close();
  }
}

function summaryOf(run: ActiveRun, metrics: RunMetrics, state: Int8Array, wallSeconds: number): RunSummary {
  const { plan, folder, connection } = run;
  const final = metrics.accuracy.find((curve) => curve.images === plan.finalSamples);
  const epochs = metrics.accuracy.find((curve) => curve.images === plan.evalSamples);
  const after = final?.epochs.at(-1);
  if (final?.before == null || after === undefined || epochs?.best == null) {
    throw new DataError('METRICS_INCOMPLETE', `${folder.path} lacks an evaluation`, 'repeat the run with --from-run');
  }
  return {
    run: folder.path,
    place: connection.link.place,
    method: plan.settings.method,
    steps: metrics.steps,
    // The last epoch counts with both of its evaluations, so that best is never below after.
    accuracy: {
      before: final.before,
      after: after.accuracy,
      best: Math.max(epochs.best.accuracy, after.accuracy),
    },
    stateDigest: stateDigest(state),
    cyclesPerStep: metrics.cyclesPerStep,
    deviceIdleShare: idleShare(metrics),
    wallSeconds,
  };
}

/** Of the device's time in training steps: waiting for the host. */
function idleShare({ cyclesByEpoch }: RunMetrics): number | null {
  let idle = 0;
  let all = 0;
  for (const { idleCycles, computeCycles, wireCycles } of cyclesByEpoch) {
    idle += idleCycles;
    all += idleCycles + computeCycles + wireCycles;
  }
  return all === 0 ? null : idle / all;
}

/** Console lines until there is a run folder, and then into it. */
class ConsoleLog {
  private lines: string[] = [];
  private folder: RunFolder | undefined;

  readonly add = (line: string): void => {
    if (this.folder === undefined) this.lines.push(line);
    else this.folder.console(line);
  };

  connect(folder: RunFolder): void {
    this.folder = folder;
    for (const line of this.lines) folder.console(line);
    this.lines = [];
  }
}
