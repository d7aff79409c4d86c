/** Runs the sessions of a sweep file on a pool of devices, resumably. */
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { DataError, UsageError } from '../errors.js';
import { sha256 } from '../files.js';
import type { NetworkFile } from '../network/network-file.js';
import { complete, longName, record, valueIn, words } from '../options/option.js';
import { type SweepOptions, sweepOptions } from '../options/other.js';
import { type TrainOptions, trainOptions } from '../options/train.js';
import { trainingOptions } from '../options/training.js';
import { readManifest } from '../runs/run-folder.js';
import type { RunSummary } from '../runs/run-manifest.js';
import { DeviceRetired, type PooledDevice, runOnPool } from '../sweep/device-pool.js';
import { loadSweep, type Parameters, type Sweep, type SweepCell, type SweepMetric } from '../sweep/sweep-file.js';
import {
  type CellResult,
  formatCsv,
  groupResults,
  metricNames,
  type SweepGroup,
  variedParameters,
} from '../sweep/sweep-table.js';
import { completeMethodRequest } from '../training/method-request.js';
import type { Context, NoticeEvent, ProgressEvent } from './events.js';
import { InputCache } from './inputs.js';
import { networkChecksums } from './provenance.js';
import type { SweepWorkerMessage, SweepWorkerTask } from './sweep-worker.js';
import { trackOfCell, trackTargets } from './tracking.js';

/** What `priot sweep --json` prints. */
export interface SweepDocument {
  readonly sweep: string;
  readonly metric: SweepMetric;
  /** Parameters that differ between sessions, but for the seed. */
  readonly varied: readonly string[];
  readonly groups: readonly SweepGroup[];
  readonly sessions: readonly ({ readonly label: string | undefined; readonly parameters: Parameters } & RunSummary)[];
  readonly failed: readonly { readonly run: string; readonly parameters: Parameters; readonly message: string }[];
}

/** The results so far: told at the end, also of a sweep that was interrupted. */
export interface ResultsEvent {
  readonly type: 'results';
  readonly document: SweepDocument;
}

/** What there is to do, before any of it is done. */
export interface SessionsEvent {
  readonly type: 'sessions';
  readonly sessions: number;
  readonly done: number;
  readonly devices: readonly string[];
}

export type SweepEvent = NoticeEvent | ProgressEvent | SessionsEvent | ResultsEvent;

/** A cell with what follows from it. */
interface PlannedCell extends SweepCell {
  /** Its run folder: its name is a digest of what is asked, so that a cell is found again whatever the file's order. */
  readonly path: string;
  readonly options: TrainOptions;
  /** Arguments of the `priot train` that does the same. */
  readonly command: readonly string[];
}

interface Failure {
  readonly cell: PlannedCell;
  readonly message: string;
}

const DIGEST_DIGITS = 16;

/**
 * Runs the sessions of a sweep file that are not done yet. A session that fails does not end the sweep.
 * @throws DataError SWEEP_MISSING, SWEEP_MALFORMED, UNKNOWN_METRIC; UsageError of a cell, before any is run; the signal's reason
 */
export async function sweep(options: SweepOptions, context: Context<SweepEvent> = {}): Promise<SweepDocument> {
  const { file, device, workers, dataDir, out, csv, track = [] } = complete('sweep', sweepOptions, options);
  const { signal = new AbortController().signal, onEvent = () => {} } = context;
  const definition = loadSweep(file);
  const cells = planCells(definition, out ?? join('runs', 'sweeps', definition.name), dataDir, track);
  const simulators = workers ?? availableParallelism();
  const devices = device.flatMap((name) => (name === 'simulator' ? new Array<string>(simulators).fill(name) : [name]));
  checkMetric(definition.metric, devices);
  const { results, failures } = await runCells(cells, devices, signal, onEvent);
  const { name, metric } = definition;
  const groups = groupResults(results, metric);
  if (csv !== undefined) writeFileSync(csv, formatCsv(groups));
  const document: SweepDocument = {
    sweep: name,
    metric,
    varied: variedParameters(cells),
    groups,
    sessions: results.map(({ cell: { label, parameters }, summary }) => ({ label, parameters, ...summary })),
    failed: failures.map(({ cell: { path, parameters }, message }) => ({ run: path, parameters, message })),
  };
  onEvent({ type: 'results', document });
  signal.throwIfAborted();
  return document;
}

/** Refuses a metric that no run will have: the table would be empty. */
function checkMetric({ name }: SweepMetric, devices: readonly string[]): void {
  const there = metricNames(devices.some((device) => device !== 'simulator'));
  if (there.includes(name)) return;
  const counts = metricNames(true).includes(name) ? ': the simulator counts no cycles' : '';
  throw new DataError(
    'UNKNOWN_METRIC',
    `no run will have the metric ${name}${counts}`,
    `there are ${there.join(', ')}`,
  );
}

/** Checks every cell before any is run. @throws UsageError, DataError naming the cell's options */
function planCells(
  { cells }: Sweep,
  folder: string,
  dataDir: string | undefined,
  track: readonly string[],
): PlannedCell[] {
  trackTargets(track, process.env);
  const cache = new InputCache();
  const planned = cells.map((cell) => {
    try {
      const settings: TrainOptions = { ...optionsOf(cell.parameters), ...(dataDir === undefined ? {} : { dataDir }) };
      const name = digest(settings, cache);
      const path = join(folder, name);
      const options = track.length === 0 ? settings : { ...settings, track: trackOfCell(track, name) };
      return { ...cell, path, options, command: ['train', ...words(trainOptions, optionsOf(cell.parameters))] };
    } catch (error) {
      if (!(error instanceof UsageError) || error.code === 'UNKNOWN_PARAMETER') throw error;
      const said = Object.entries(cell.parameters).map(([name, value]) => `--${name}=${value}`);
      throw new UsageError(error.code, `${said.join(' ')}: ${error.message}`, error.remedy, { cause: error });
    }
  });
  return [...new Map(planned.map((cell) => [cell.path, cell])).values()];
}

/** The values of a cell as train takes them. @throws UsageError UNKNOWN_PARAMETER, OPTION_REFUSED */
function optionsOf(parameters: Parameters): TrainOptions {
  const known = new Map(Object.entries(trainingOptions).map(([name, entry]) => [longName(name), { name, entry }]));
  const values = Object.entries(parameters).map(([parameter, scalar]) => {
    const option = known.get(parameter);
    if (option === undefined) {
      const there = `there are ${[...known.keys()].join(', ')}`;
      throw new UsageError('UNKNOWN_PARAMETER', `train has no parameter ${parameter}`, there);
    }
    return [option.name, valueIn(option.name, option.entry, scalar)];
  });
  return Object.fromEntries(values);
}

/** Digests everything that decides a session's numbers; where its data lies and on what it runs do not. */
function digest(options: TrainOptions, cache: InputCache): string {
  const given = complete('train', trainOptions, options);
  const { model, ...request } = { ...record(trainingOptions, given), evalSamples: given.evalSamples ?? null };
  const file: NetworkFile = cache.network(model);
  const whole = { ...request, ...completeMethodRequest(request, file.network) };
  const decisive = [Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)), networkChecksums(file)];
  return sha256(JSON.stringify(decisive)).slice(0, DIGEST_DIGITS);
}

/** The result of a cell that is done. */
function resultOf(cell: PlannedCell): CellResult | undefined {
  const summary = existsSync(join(cell.path, 'run.json')) ? readManifest(cell.path).summary : undefined;
  return summary && { cell, summary };
}

async function runCells(
  cells: readonly PlannedCell[],
  devices: readonly string[],
  signal: AbortSignal,
  onEvent: (event: SweepEvent) => void,
): Promise<{ results: CellResult[]; failures: Failure[] }> {
  const done = new Map<PlannedCell, RunSummary>();
  const failures: Failure[] = [];
  for (const cell of cells) {
    const result = resultOf(cell);
    if (result !== undefined) done.set(cell, result.summary);
  }
  const remaining = cells.filter((cell) => !done.has(cell));
  const say = (text: string) => onEvent({ type: 'notice', warning: true, text });
  const epochs = remaining.reduce((sum, { options }) => sum + (options.epochs ?? trainingOptions.epochs.default), 0);
  onEvent({ type: 'sessions', sessions: cells.length, done: done.size, devices });
  let epochsDone = 0;
  const pool = devices.slice(0, Math.max(1, remaining.length)).map((device) => {
    return new TrainingWorker(device, signal, {
      epoch: () => {
        epochsDone += 1;
        const text = `${done.size + failures.length} of ${cells.length} sessions`;
        onEvent({ type: 'progress', what: 'epochs', done: epochsDone, of: epochs, text });
      },
      done: (cell, summary) => done.set(cell, summary),
      warned: (cell, text) => say(`${cell.path}: ${text}`),
      failed: (cell, message) => {
        failures.push({ cell, message });
        say(`failed: ${cell.path} (${cell.command.slice(1).join(' ')}): ${message}`);
      },
    });
  });
  try {
    const left = await runOnPool(remaining, pool, signal, (device, reason) => say(`${device}: ${reason.message}`));
    if (!signal.aborted) {
      for (const cell of left) failures.push({ cell, message: 'no device is left' });
    }
  } finally {
    await Promise.all(pool.map((worker) => worker.close()));
  }
  const results = cells.flatMap((cell) => (done.has(cell) ? [{ cell, summary: done.get(cell)! }] : []));
  return { results, failures };
}

interface WorkerEvents {
  epoch(): void;
  warned(cell: PlannedCell, text: string): void;
  done(cell: PlannedCell, summary: RunSummary): void;
  failed(cell: PlannedCell, message: string): void;
}

/** A thread that trains on one device, cell after cell; it keeps the images of one for the next. */
class TrainingWorker implements PooledDevice<PlannedCell> {
  private worker: Worker | undefined;

  constructor(
    readonly name: string,
    private readonly signal: AbortSignal,
    private readonly events: WorkerEvents,
  ) {}

  run(cell: PlannedCell): Promise<void> {
    const worker = this.worker ?? new Worker(new URL('./sweep-worker.js', import.meta.url));
    this.worker = worker;
    const stop = () => worker.postMessage('stop' satisfies SweepWorkerTask);
    return new Promise<void>((resolve, reject) => {
      worker.removeAllListeners();
      worker.on('error', (error) => {
        this.worker = undefined;
        this.events.failed(cell, error instanceof Error ? error.message : String(error));
        resolve();
      });
      worker.on('message', (message: SweepWorkerMessage) => {
        switch (message.type) {
          case 'epoch':
            return this.events.epoch();
          case 'warning':
            return this.events.warned(cell, message.text);
          case 'done':
            this.events.done(cell, message.summary);
            return resolve();
          case 'interrupted':
            return resolve();
          case 'device':
            return reject(new DeviceRetired(message.message));
          case 'failed':
            this.events.failed(cell, message.message);
            return resolve();
        }
      });
      this.signal.addEventListener('abort', stop, { once: true });
      const { options, path, command } = cell;
      worker.postMessage({ device: this.name, options, path, command } satisfies SweepWorkerTask);
    }).finally(() => this.signal.removeEventListener('abort', stop));
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }
}
