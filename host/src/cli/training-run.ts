/** A training run from its options to its summary: inputs, device, run folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Dataset, type DatasetName, datasetNames, loadDataset } from '../dataset/dataset.js';
import { DataError, InterruptedError, UsageError } from '../errors.js';
import type { Link } from '../link/link.js';
import { withBelowThreshold } from '../network/below-threshold.js';
import type { MethodName } from '../network/network.js';
import { loadNetwork, type NetworkFile } from '../network/network-file.js';
import { edgeCount } from '../network/network-shape.js';
import type { MemoryEvent } from '../runs/events.js';
import { type Checkpoint, RunFolder, readManifest } from '../runs/run-folder.js';
import type { RunManifest, RunRequest, RunSummary } from '../runs/run-manifest.js';
import { type RunMetrics, summariseMetrics } from '../runs/run-metrics.js';
import { bytesOf } from '../training/network-on-device.js';
import {
  planSessionId,
  type TrainingPlan,
  TrainingSession,
  type TrainingStart,
  totalSteps,
} from '../training/session.js';
import { stateDigest } from '../training/session-id.js';
import { showDownloads } from './download-progress.js';
import { openLink } from './open-link.js';
import { resolveModel } from './package-files.js';
import { hexadecimal, networkChecksums, provenanceOf } from './provenance.js';
import { TrainingProgress } from './training-progress.js';
import { checkSameFiles, planOf } from './training-request.js';

/** Of the command line, parsed. */
export interface TrainOptions {
  device?: string;
  model: string;
  dataset: DatasetName;
  dataDir?: string;
  angle: number;
  method: MethodName;
  belowThreshold?: string;
  samples: number;
  epochs: number;
  seed: number;
  evalSamples?: number;
  out?: string;
  resume?: string;
  fromRun?: string;
  json?: true;
  quiet?: true;
}

export interface FinishedRun {
  summary: RunSummary;
  memory: MemoryEvent | null;
}

interface Inputs {
  file: NetworkFile;
  dataset: Dataset;
  plan: TrainingPlan;
}

/** A new run, or one like `--from-run`. Nothing is left behind when it cannot begin. */
export async function startRun(options: TrainOptions, signal: AbortSignal): Promise<FinishedRun> {
  const original = options.fromRun === undefined ? undefined : readManifest(options.fromRun);
  const request = original === undefined ? requestOf(options) : { ...original.asked, ...dataDirOf(options) };
  const inputs = await loadInputs(request, original, signal);
  const consoleLog = new ConsoleLog();
  const link = await openLink(options.device ?? original?.asked.device, { signal, onConsoleLine: consoleLog.add });
  try {
    const start = { nextStep: 0, state: inputs.plan.initialState, isRecorded: () => false };
    const session = await TrainingSession.open(link, inputs.plan, start, signal);
    const asked = { ...request, device: link.device.description.name };
    const folder = RunFolder.create(options.out ?? unusedFolder(asked), {
      version: 1,
      command: process.argv.slice(2),
      createdAt: new Date().toISOString(),
      asked,
      provenance: provenanceOf(link, inputs.file, inputs.dataset, session.sessionId),
      place: link.place,
    });
    return await runInFolder({ folder, link, session, start, consoleLog, signal, ...inputs }, options);
  } finally {
    await link.close();
  }
}

/** Goes on with an interrupted run where its last checkpoint is. */
export async function resumeRun(options: TrainOptions, path: string, signal: AbortSignal): Promise<FinishedRun> {
  const manifest = readManifest(path);
  if (manifest.summary !== undefined) {
    throw new UsageError('RUN_DONE', `${path} is done`, `to repeat it: priot train --from-run ${path}`);
  }
  const inputs = await loadInputs({ ...manifest.asked, ...dataDirOf(options) }, manifest, signal);
  const consoleLog = new ConsoleLog();
  const link = await openLink(options.device ?? manifest.asked.device, { signal, onConsoleLine: consoleLog.add });
  let folder: RunFolder | undefined;
  try {
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
    const session = await TrainingSession.open(link, inputs.plan, start, signal);
    return await runInFolder({ folder, link, session, start, consoleLog, signal, ...inputs }, options);
  } finally {
    folder?.close();
    await link.close();
  }
}

/** @throws DataError NETWORK_CHANGED, DATA_CHANGED, SESSION_DIFFERS when `original` could not be repeated exactly */
async function loadInputs(
  request: RunRequest,
  original: RunManifest | undefined,
  signal: AbortSignal,
): Promise<Inputs> {
  const file = loadNetwork(resolveModel(request.model));
  if (original !== undefined) checkSameFiles('network', original.provenance.network.files, networkChecksums(file));
  const name = datasetNames.find((known) => known === request.dataset);
  if (name === undefined) throw new UsageError('UNKNOWN_DATASET', `no data set is called ${request.dataset}`);
  const display = showDownloads();
  const dataset = await loadDataset(name, { dataDir: request.dataDir, signal, onProgress: display.update }).finally(
    display.end,
  );
  if (original !== undefined) checkSameFiles('data set', original.provenance.dataset.files, dataset.provenance.files);
  const { belowThreshold } = request;
  const network = belowThreshold === undefined ? file.network : withBelowThreshold(file.network, belowThreshold);
  const plan = planOf(request, network, dataset);
  const sessionId = hexadecimal(planSessionId(plan));
  if (original !== undefined && sessionId !== original.provenance.sessionId) {
    throw new DataError(
      'SESSION_DIFFERS',
      `this priot would train another session, ${sessionId}, not ${original.provenance.sessionId}`,
      `use the priot that began the run: ${original.provenance.host.priot}`,
    );
  }
  return { file, dataset, plan };
}

function requestOf(options: TrainOptions): RunRequest {
  const { model, dataset, angle, method, belowThreshold, samples, epochs, seed, evalSamples } = options;
  return {
    model,
    dataset,
    ...dataDirOf(options),
    angle,
    method,
    ...(belowThreshold === undefined ? {} : { belowThreshold }),
    samples,
    epochs,
    seed,
    evalSamples: evalSamples ?? null,
    device: options.device ?? '',
  };
}

function dataDirOf({ dataDir }: TrainOptions): { dataDir?: string } {
  return dataDir === undefined ? {} : { dataDir };
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
  if (checkpoint === undefined) return { nextStep: 0, state: plan.initialState, isRecorded };
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

interface ActiveRun extends Inputs {
  folder: RunFolder;
  link: Link;
  session: TrainingSession;
  start: TrainingStart;
  consoleLog: ConsoleLog;
  signal: AbortSignal;
}

async function runInFolder(run: ActiveRun, options: TrainOptions): Promise<FinishedRun> {
  const { folder, session, plan, start, signal } = run;
  const startedMs = performance.now();
  const progress = new TrainingProgress(plan, options.quiet === true);
  process.stderr.write(`run folder ${folder.path}\n`);
  run.consoleLog.connect(folder);
  let { nextStep, state } = start;
  const save = () => folder.writeCheckpoint({ nextStep, sessionId: session.sessionId, state: bytesOf(state) });
  try {
    save();
    for await (const event of session.run(signal)) {
      progress.show(event);
      if (event.type === 'checkpoint') {
        ({ nextStep, state } = event);
        save();
      } else if (event.type !== 'evaluation') {
        folder.append(event);
      }
    }
    const metrics = summariseMetrics(folder.events());
    const wallSeconds = (performance.now() - startedMs) / 1000;
    const summary = summaryOf(run, metrics, state, wallSeconds);
    folder.finish(summary);
    return { summary, memory: metrics.memory };
  } catch (error) {
    progress.finish();
    const resume = `priot train --resume ${folder.path}`;
    if (error instanceof InterruptedError) {
      throw new InterruptedError(`interrupted; saved before step ${nextStep} of ${totalSteps(plan)}`, resume);
    }
    process.stderr.write(`saved before step ${nextStep} of ${totalSteps(plan)}; to go on: ${resume}\n`);
    throw error;
  } finally {
    folder.close();
  }
}

function summaryOf(run: ActiveRun, metrics: RunMetrics, state: Int8Array, wallSeconds: number): RunSummary {
  const { plan, folder, link } = run;
  const final = metrics.accuracy.find((curve) => curve.images === plan.finalSamples);
  const epochs = metrics.accuracy.find((curve) => curve.images === plan.evalSamples);
  const after = final?.epochs.at(-1);
  if (final?.before == null || after === undefined || epochs?.best == null) {
    throw new DataError('METRICS_INCOMPLETE', `${folder.path} lacks an evaluation`, 'repeat the run with --from-run');
  }
  return {
    run: folder.path,
    place: link.place,
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
