/** Runs the cells of a sweep: which are done, which remain, and worker threads that train the rest. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../errors.js';
import { sha256 } from '../files.js';
import { loadNetwork, type NetworkFile } from '../network/network-file.js';
import { readManifest } from '../runs/run-folder.js';
import type { RunRequest, RunSummary } from '../runs/run-manifest.js';
import { DeviceRetired, type PooledDevice, runOnPool } from '../sweep/device-pool.js';
import type { Sweep, SweepCell } from '../sweep/sweep-file.js';
import type { CellResult } from '../sweep/sweep-table.js';
import { completeMethodRequest } from '../training/method-request.js';
import { resolveModel } from './package-files.js';
import { Progress } from './progress.js';
import { networkChecksums } from './provenance.js';
import type { SweepWorkerMessage, SweepWorkerTask } from './sweep-worker.js';
import { parseTrainingOptions, sweepParameterNames } from './train-options.js';
import { requestOf, type TrainOptions } from './training-run.js';

/** A cell with what follows from it. */
export interface PlannedCell extends SweepCell {
  /** Its run folder: its name is a digest of what is asked, so that a cell is found again whatever the file's order. */
  readonly path: string;
  readonly options: TrainOptions;
  /** Arguments of the `priot train` that does the same. */
  readonly command: readonly string[];
}

export interface Failure {
  readonly cell: PlannedCell;
  readonly message: string;
}

const DIGEST_DIGITS = 16;

/** Checks every cell before any is run. @throws UsageError, DataError naming the cell's options */
export function planCells(sweep: Sweep, folder: string, dataDir: string | undefined): PlannedCell[] {
  const known = sweepParameterNames();
  const networks = new Map<string, NetworkFile>();
  const cells = sweep.cells.map((cell) => {
    const unknown = Object.keys(cell.parameters).find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new UsageError('UNKNOWN_PARAMETER', `train has no parameter ${unknown}`, `there are ${known.join(', ')}`);
    }
    const words = Object.entries(cell.parameters).map(([name, value]) => `--${name}=${value}`);
    try {
      const options = { ...parseTrainingOptions(words), ...(dataDir === undefined ? {} : { dataDir }) };
      const model = resolveModel(options.model);
      const network = networks.get(model) ?? loadNetwork(model);
      networks.set(model, network);
      const path = join(folder, digest(requestOf(options), network));
      return { ...cell, path, options, command: ['train', ...words] };
    } catch (error) {
      if (error instanceof UsageError) {
        throw new UsageError(error.code, `${words.join(' ')}: ${error.message}`, error.remedy, { cause: error });
      }
      throw error;
    }
  });
  return [...new Map(cells.map((cell) => [cell.path, cell])).values()];
}

/** Of everything that decides a session's numbers; where its data lies and on what it runs do not. */
function digest(asked: RunRequest, file: NetworkFile): string {
  const { device: _device, dataDir: _dataDir, model: _model, ...request } = asked;
  const complete = { ...request, ...completeMethodRequest(asked, file.network) };
  const decisive = [Object.entries(complete).sort(([a], [b]) => (a < b ? -1 : 1)), networkChecksums(file)];
  return sha256(JSON.stringify(decisive)).slice(0, DIGEST_DIGITS);
}

/** The result of a cell that is done. */
function resultOf(cell: PlannedCell): CellResult | undefined {
  const summary = existsSync(join(cell.path, 'run.json')) ? readManifest(cell.path).summary : undefined;
  return summary && { cell, summary };
}

export async function runCells(
  cells: readonly PlannedCell[],
  devices: readonly string[],
  signal: AbortSignal,
  quiet: boolean,
): Promise<{ results: CellResult[]; failures: Failure[] }> {
  const done = new Map<PlannedCell, RunSummary>();
  const failures: Failure[] = [];
  for (const cell of cells) {
    const result = resultOf(cell);
    if (result !== undefined) done.set(cell, result.summary);
  }
  const remaining = cells.filter((cell) => !done.has(cell));
  const say = (text: string) => {
    progress.finish();
    process.stderr.write(`${text}\n`);
  };
  const epochs = (of: readonly PlannedCell[]) => of.reduce((sum, cell) => sum + cell.options.epochs, 0);
  const progress = new Progress('epochs', epochs(remaining), quiet);
  if (!quiet) {
    say(`${cells.length} sessions, ${done.size} done before, ${remaining.length} to run on ${devices.join(', ')}`);
  }
  let epochsDone = 0;
  let finished = done.size;
  const pool = devices.slice(0, Math.max(1, remaining.length)).map((device) => {
    return new TrainingWorker(device, signal, {
      epoch: () => progress.update(++epochsDone, `${finished} of ${cells.length} sessions`),
      done: (cell, summary) => {
        done.set(cell, summary);
        finished += 1;
      },
      failed: (cell, message) => {
        failures.push({ cell, message });
        say(`failed: ${cell.path} (${cell.command.slice(1).join(' ')}): ${message}`);
      },
      notice: say,
    });
  });
  try {
    const left = await runOnPool(remaining, pool, signal, (device, reason) => say(`${device}: ${reason.message}`));
    if (!signal.aborted) {
      for (const cell of left) failures.push({ cell, message: 'no device is left' });
    }
  } finally {
    progress.finish();
    await Promise.all(pool.map((worker) => worker.close()));
  }
  const results = cells.flatMap((cell) => (done.has(cell) ? [{ cell, summary: done.get(cell)! }] : []));
  return { results, failures };
}

interface WorkerEvents {
  epoch(): void;
  done(cell: PlannedCell, summary: RunSummary): void;
  failed(cell: PlannedCell, message: string): void;
  notice(text: string): void;
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
    // Its stderr says for every session which device it is; warnings are in the run folder's console.log, too.
    const worker = this.worker ?? new Worker(new URL('./sweep-worker.js', import.meta.url), { stderr: true });
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
          case 'notice':
            return this.events.notice(message.text);
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
