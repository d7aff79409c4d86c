/** Runs the sessions of a sweep file, resumably: on a pool of devices of this machine, or over a queue on those of many. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors.js';
import { complete } from '../options/option.js';
import { type SweepOptions, sweepOptions } from '../options/other.js';
import { trainingOptions } from '../options/training.js';
import type { RunSummary } from '../runs/run-manifest.js';
import { DeviceRetired, type PooledDevice, runOnPool } from '../sweep/device-pool.js';
import type { Requirements } from '../sweep/requirements.js';
import { loadSweep, type Parameters, type Sweep, type SweepMetric } from '../sweep/sweep-file.js';
import { formatCsv, groupResults, metricNames, type SweepGroup, variedParameters } from '../sweep/sweep-table.js';
import type { Context, NoticeEvent, ProgressEvent } from './events.js';
import {
  type CellFailure,
  type CellResults,
  type PlannedCell,
  planCells,
  resultOf,
  type SessionsEvent,
} from './sweep-cells.js';
import { TrainingThread } from './training-thread.js';

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

export type SweepEvent = NoticeEvent | ProgressEvent | SessionsEvent | ResultsEvent;

/**
 * Runs the sessions of a sweep file that are not done yet. A session that fails does not end the sweep.
 * @throws DataError SWEEP_MISSING, SWEEP_MALFORMED, UNKNOWN_METRIC; UsageError of a cell, before any is run; FailedError of the
 *   queue; the signal's reason
 */
export async function sweep(options: SweepOptions, context: Context<SweepEvent> = {}): Promise<SweepDocument> {
  const given = complete('sweep', sweepOptions, options);
  const { file, queue, workers, dataDir, out, csv, track = [] } = given;
  const { signal = new AbortController().signal, onEvent = () => {} } = context;
  const definition = loadSweep(file);
  const cells = planCells(definition, out ?? join('runs', 'sweeps', definition.name), dataDir, track);
  let ended: CellResults;
  if (queue === undefined) {
    refuseRequirements(definition, given);
    const simulators = workers ?? availableParallelism();
    const devices = given.device.flatMap((name) =>
      name === 'simulator' ? new Array<string>(simulators).fill(name) : [name],
    );
    checkMetric(definition.metric, devices);
    ended = await runCells(cells, devices, signal, onEvent);
  } else {
    checkMetric(definition.metric, ['queue']);
    const { runQueuedCells } = await import('./queued-sweep.js');
    ended = await runQueuedCells(cells, { ...given, queue }, signal, onEvent);
  }
  const document = documentOf(definition, cells, ended);
  if (csv !== undefined) writeFileSync(csv, formatCsv(document.groups));
  onEvent({ type: 'results', document });
  signal.throwIfAborted();
  return document;
}

function documentOf(
  { name, metric }: Sweep,
  cells: readonly PlannedCell[],
  { results, failures }: CellResults,
): SweepDocument {
  return {
    sweep: name,
    metric,
    varied: variedParameters(cells),
    groups: groupResults(results, metric),
    sessions: results.map(({ cell: { label, parameters }, summary }) => ({ label, parameters, ...summary })),
    failed: failures.map(({ cell: { path, parameters }, message }) => ({ run: path, parameters, message })),
  };
}

/** Refuses what only a queue can keep to: nobody would notice that a board was another one than was asked for. */
function refuseRequirements({ cells }: Sweep, { place, board, label, memory, retries }: SweepOptions): void {
  const asked: Requirements & { retries?: number } = Object.fromEntries(
    Object.entries({ place, board, label, memory, retries }).filter(([, value]) => value !== undefined),
  );
  const names = new Set([...Object.keys(asked), ...cells.flatMap(({ requires = {} }) => Object.keys(requires))]);
  if (names.size === 0) return;
  throw new UsageError(
    'OPTION_OF_QUEUE',
    `${[...names].join(', ')}: only the workers of a queue are chosen like this`,
    'add --queue, or leave it out and name devices with --device',
  );
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

async function runCells(
  cells: readonly PlannedCell[],
  devices: readonly string[],
  signal: AbortSignal,
  onEvent: (event: SweepEvent) => void,
): Promise<CellResults> {
  const done = new Map<PlannedCell, RunSummary>();
  const failures: CellFailure[] = [];
  for (const cell of cells) {
    const result = resultOf(cell);
    if (result !== undefined) done.set(cell, result.summary);
  }
  const remaining = cells.filter((cell) => !done.has(cell));
  const say = (text: string) => onEvent({ type: 'notice', warning: true, text });
  const epochs = remaining.reduce((sum, cell) => sum + epochsOf(cell), 0);
  onEvent({ type: 'sessions', sessions: cells.length, done: done.size, devices });
  const epochsDone = new Map<PlannedCell, number>();
  const pool = devices.slice(0, Math.max(1, remaining.length)).map((device) => {
    return new PooledThread(device, signal, {
      checkpoint: (cell, share) => {
        // a long epoch has several checkpoints
        epochsDone.set(cell, Math.floor(share * epochsOf(cell)));
        const sum = [...epochsDone.values()].reduce((total, count) => total + count, 0);
        const text = `${done.size + failures.length} of ${cells.length} sessions`;
        onEvent({ type: 'progress', what: 'epochs', done: sum, of: epochs, text });
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

function epochsOf({ options }: PlannedCell): number {
  return options.epochs ?? trainingOptions.epochs.default;
}

interface PoolEvents {
  /** A session has saved a checkpoint, when `share` of its steps were done: 0..1. */
  checkpoint(cell: PlannedCell, share: number): void;
  warned(cell: PlannedCell, text: string): void;
  done(cell: PlannedCell, summary: RunSummary): void;
  failed(cell: PlannedCell, message: string): void;
}

/** A device of the pool, in a thread of its own. */
class PooledThread implements PooledDevice<PlannedCell> {
  readonly #thread: TrainingThread;

  constructor(
    readonly name: string,
    private readonly signal: AbortSignal,
    private readonly events: PoolEvents,
  ) {
    this.#thread = new TrainingThread(name);
  }

  async run(cell: PlannedCell): Promise<void> {
    const { options, path, command } = cell;
    const task = { device: { device: this.name }, options, path, command };
    const outcome = await this.#thread.train(task, this.signal, {
      checkpoint: (nextStep, steps) => this.events.checkpoint(cell, nextStep / steps),
      warning: (text) => this.events.warned(cell, text),
    });
    switch (outcome.type) {
      case 'done':
        return this.events.done(cell, outcome.summary);
      case 'failed':
        return this.events.failed(cell, outcome.message);
      case 'device':
        throw new DeviceRetired(outcome.message);
      case 'interrupted':
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
