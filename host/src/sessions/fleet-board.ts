/** A board of a worker: it takes the cells that it fits, one after another, and gives back what comes of them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { PriotError } from '../errors.js';
import { pack, readFiles, travellingRunFiles, unpack, writeFiles } from '../fleet/archive.js';
import { localised, networkFolder } from '../fleet/localise.js';
import { boardMisfit, strictness, workerMisfit } from '../fleet/needs.js';
import type { TakenCell } from '../fleet/queues.js';
import type { BoardRecord, CheckpointRecord } from '../fleet/records.js';
import type { Lease } from '../fleet/store.js';
import { CellAnswers, isOfQueue, pause, REFUSED_MS, type TrainedCell } from './cell-answers.js';
import { type BoardSurroundings, CheckpointUploads } from './checkpoint-uploads.js';
import { type LocalCell, openJob } from './fleet-inputs.js';
import type { DatasetRequest } from './load-dataset.js';
import type { DeviceChoice } from './open-device.js';
import { cellCommand } from './sweep-cells.js';
import { type DeviceFacts, TrainingThread } from './training-thread.js';

/** From one look at empty queues to the next, in milliseconds; it grows while they stay empty. */
const IDLE_MS = { first: 50, longest: 1_000 };
/** From one attempt to get a lost board back to the next. */
const LOST_MS = 5_000;
/** A cell that was begun so often and never ended is one that ends workers, or that boards do not survive. */
const MAX_STARTS = 25;
/** A lease is renewed three times before it would run out. */
const RENEWALS = 3;

/** Why work on a cell stops before its end. */
type Stop = 'lease' | 'worker';

/** A board with its thread. */
export class FleetBoard {
  readonly thread: TrainingThread;
  #record: BoardRecord;
  #facts: DeviceFacts | undefined;
  /** What else the thread does while the board has nothing to train. */
  #lent: Promise<void> | undefined;
  /** The last cell that is done, until it is published. */
  #handing: Promise<void> = Promise.resolve();

  constructor(
    private readonly device: DeviceChoice,
    private readonly worker: BoardSurroundings,
  ) {
    this.thread = new TrainingThread(device.device);
    this.#record = { device: device.device ?? '', state: 'opening' };
  }

  /** What the worker tells of it. */
  get record(): BoardRecord {
    return this.#record;
  }

  /** Takes cells until the signal aborts; the one under way is then saved and given back. */
  async run(signal: AbortSignal): Promise<void> {
    let idleMs = IDLE_MS.first;
    while (!signal.aborted) {
      if (this.#facts === undefined && !(await this.#open(signal))) continue;
      try {
        const taken = await this.#take();
        idleMs = taken === undefined ? Math.min(2 * idleMs, IDLE_MS.longest) : IDLE_MS.first;
        if (taken !== undefined) await this.#work(taken, signal);
        else await this.worker.arrivals.wait(idleMs, signal);
      } catch (error) {
        if (!isOfQueue(error)) throw error;
        // A Redis that is full or loads its file: nothing of a cell is lost, and it may be over in a while.
        if (!signal.aborted) this.worker.say(error.message, true);
        await pause(REFUSED_MS, signal);
      }
    }
    await this.#handing;
    await this.thread.close();
  }

  /** Reads a data set in the board's thread, which keeps it for its cells; undefined: the board is not idle. */
  dataDigest(request: DatasetRequest, signal: AbortSignal): Promise<string> | undefined {
    if (this.#record.state !== 'idle' || this.#lent !== undefined) return undefined;
    const digest = this.thread.dataDigest(request, signal);
    const back = () => {
      this.#lent = undefined;
    };
    this.#lent = digest.then(back, back);
    return digest;
  }

  /** Asks the device who it is. One that cannot be opened is tried again for ever: boards are plugged in again. */
  async #open(signal: AbortSignal): Promise<boolean> {
    try {
      this.#facts = await this.thread.probe(this.device, signal);
    } catch (error) {
      if (signal.aborted) return false;
      this.#lost(error instanceof Error ? error.message : String(error));
      await pause(LOST_MS, signal);
      return false;
    }
    this.#idle();
    return true;
  }

  #idle(): void {
    const { place, boardId, memoryBytes, firmwareCommit, ownFirmware } = this.#facts!;
    const device = this.#record.device;
    this.#tell({ device, state: 'idle', place, boardId, memoryBytes, firmwareCommit, ownFirmware });
  }

  #lost(cause: string): void {
    this.#facts = undefined;
    if (this.#record.state !== 'lost') this.worker.say(`${this.#record.device} is lost: ${cause}`, true);
    this.#tell({ device: this.#record.device, state: 'lost', cause: cause.slice(0, 1000) });
  }

  #tell(record: BoardRecord): void {
    const { state, job } = this.#record;
    this.#record = record;
    // How far a cell is, is told by and by.
    if (record.state !== state || record.job !== job) this.worker.changed();
  }

  /** Takes a cell: first of the groups that ask for most, which few others fit. */
  async #take(): Promise<TakenCell | undefined> {
    const about = this.worker.about();
    const fitting = [...this.worker.groups()].filter(
      ([group, needs]) =>
        workerMisfit(about, group, needs) === undefined && boardMisfit(this.#record, about, needs) === undefined,
    );
    fitting.sort(([, a], [, b]) => strictness(b) - strictness(a));
    for (const [group] of fitting) {
      const taken = await this.worker.queues.take(group);
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  /** Trains a cell. What comes of it is handed over while the board has its next one already. */
  async #work(taken: TakenCell, signal: AbortSignal): Promise<void> {
    const { lease } = taken;
    const { store } = this.worker;
    const answers = new CellAnswers(this.worker, taken);
    const keeping = this.#keep(lease, signal);
    const folder = join(this.worker.folders.runs, lease.job);
    this.#tell({ ...this.#record, state: 'training', job: lease.job, step: 0, steps: 0 });
    let trained: TrainedCell | undefined;
    try {
      const checkpoint = store.checkpoint(lease.job);
      checkpoint.catch(() => {});
      // Its worker may have published it and been gone before the queue knew.
      if (await store.hasResult(lease.job)) await answers.complete();
      else trained = await this.#train(taken, checkpoint, { folder, answers, stop: keeping.stop });
    } catch (error) {
      await this.#trouble(error, answers, keeping.stop);
    } finally {
      if (trained === undefined) keeping.end();
      rmSync(folder, { recursive: true, force: true });
      if (this.#facts !== undefined) this.#idle();
    }
    await this.#handing;
    if (trained === undefined) return;
    const done = trained;
    this.#handing = answers
      .publish(done, keeping.stop)
      .catch((error: unknown) => this.#trouble(error, answers, keeping.stop))
      .catch((error: unknown) => {
        if (!isOfQueue(error)) throw error;
        if (!signal.aborted) this.worker.say(error.message, true);
      })
      .finally(keeping.end);
    // A defect is thrown where it is waited for.
    this.#handing.catch(() => {});
  }

  /** What went wrong with a cell is told as its failure, unless it is the queue's trouble or nobody's any more. */
  async #trouble(error: unknown, answers: CellAnswers, stop: AbortSignal): Promise<void> {
    if (stop.reason === ('lease' satisfies Stop)) return;
    if (isOfQueue(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const forGood = error instanceof PriotError && error.code === 'JOB_MALFORMED';
    await answers.fail(message, this.#record.device, forGood);
  }

  /** Trains a cell, from its last checkpoint if there is one; undefined: it did not come to its end, and that was told. */
  async #train(
    taken: TakenCell,
    checkpoint: Promise<CheckpointRecord | undefined>,
    { folder, answers, stop }: { folder: string; answers: CellAnswers; stop: AbortSignal },
  ): Promise<TrainedCell | undefined> {
    const { lease, job } = taken;
    const { store, folders } = this.worker;
    const startedMs = performance.now();
    const fail = async (message: string, forGood: boolean) => {
      await answers.fail(message, this.#record.device, forGood);
      return undefined;
    };
    if (job.deferredFailure) return fail('its workers were lost again and again', true);
    if (job.attemptsStarted > MAX_STARTS) return fail(`begun ${MAX_STARTS} times without an end`, true);
    const cell = await openJob(job.data, lease.job, lease.group, store, folders);
    rmSync(folder, { recursive: true, force: true });
    await this.#restore(lease, checkpoint, cell, folder);
    const uploads = new CheckpointUploads(this.worker, lease, folder);
    await this.#lent;
    const outcome = await this.thread.train(
      { device: this.device, options: cell.options, path: folder, command: cellCommand(cell.asked) },
      stop,
      {
        checkpoint: (nextStep, steps) => {
          this.#tell({ ...this.#record, step: nextStep, steps });
          // The last one is not uploaded: the result is next.
          if (nextStep < steps) uploads.due(nextStep);
        },
        warning: (text) => this.worker.say(`${lease.job}: ${text}`, true),
      },
    );
    await uploads.settled();
    if (stop.reason === ('lease' satisfies Stop)) {
      this.worker.say(`${lease.job}: another worker has it by now`);
      return undefined;
    }
    switch (outcome.type) {
      case 'done': {
        const seconds = (performance.now() - startedMs) / 1000;
        const packed = pack(readFiles(folder, travellingRunFiles));
        return { packed, stateDigest: outcome.summary.stateDigest, seconds, by: this.#record };
      }
      case 'failed':
        return fail(outcome.message, false);
      case 'device':
        await uploads.last();
        this.#lost(outcome.message);
        await answers.giveBack();
        return undefined;
      case 'interrupted':
        await uploads.last();
        await answers.giveBack();
        return undefined;
    }
  }

  /** Brings the cell's last checkpoint into the folder. One that cannot be read is one less: the cell begins anew. */
  async #restore(
    { job }: Lease,
    checkpoint: Promise<CheckpointRecord | undefined>,
    { options, network }: LocalCell,
    folder: string,
  ): Promise<void> {
    const { store, say } = this.worker;
    try {
      const record = await checkpoint;
      if (record === undefined || record.place !== this.#record.place) return;
      const files = unpack(await store.download(record), travellingRunFiles);
      const places = {
        ...{
          run: folder,
          model: options.model!,
          network: networkFolder(network.path),
          dataset: options.dataset ?? 'mnist',
        },
        ...{ transferDir: options.transferDir, dataDir: options.dataDir },
      };
      writeFiles(folder, localised(files, places));
      say(`${job}: goes on before step ${record.nextStep}, where ${record.worker} left it`);
    } catch (error) {
      if (!(error instanceof PriotError) || error.class === 'failed') throw error;
      rmSync(folder, { recursive: true, force: true });
      say(`${job}: its checkpoint cannot be used: ${error.message}`, true);
    }
  }

  /** Keeps the lease until `end`. When it is lost, or the worker is stopped, `stop` aborts: the work on the cell stops. */
  #keep(lease: Lease, signal: AbortSignal): { readonly stop: AbortSignal; readonly end: () => void } {
    const { store, lockMs } = this.worker;
    const stop = new AbortController();
    const onWorkerStop = () => stop.abort('worker' satisfies Stop);
    signal.addEventListener('abort', onWorkerStop, { once: true });
    let under = false;
    const timer = setInterval(() => {
      if (under) return;
      under = true;
      store.hold(lease, lockMs).then(
        (held) => {
          under = false;
          if (!held) stop.abort('lease' satisfies Stop);
        },
        () => {
          under = false;
        },
      );
    }, lockMs / RENEWALS);
    const end = () => {
      clearInterval(timer);
      signal.removeEventListener('abort', onWorkerStop);
    };
    return { stop: stop.signal, end };
  }
}
