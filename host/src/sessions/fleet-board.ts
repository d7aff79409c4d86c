/** A board of a worker: it takes the cells that it fits, one after another, and gives back what comes of them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FailedError, PriotError } from '../errors.js';
import { pack, readFiles, travellingRunFiles, unpack, writeFiles } from '../fleet/archive.js';
import { localised, networkFolder } from '../fleet/localise.js';
import { boardMisfit, strictness, workerMisfit } from '../fleet/needs.js';
import type { TakenCell } from '../fleet/queues.js';
import type { BoardRecord, CheckpointRecord } from '../fleet/records.js';
import type { Lease } from '../fleet/store.js';
import { type BoardSurroundings, CheckpointUploads } from './checkpoint-uploads.js';
import { type LocalCell, openJob } from './fleet-inputs.js';
import type { DeviceChoice } from './open-device.js';
import { cellCommand } from './sweep-cells.js';
import { type DeviceFacts, TrainingThread } from './training-thread.js';

/** From one look at empty queues to the next, in milliseconds; it grows while they stay empty. */
const IDLE_MS = { first: 50, longest: 1_000 };
/** From one attempt to get a lost board back to the next. */
const LOST_MS = 5_000;
/** From one attempt to the next when Redis refuses. */
const REFUSED_MS = 5_000;
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
        else await pause(idleMs, signal);
      } catch (error) {
        if (!isOfQueue(error)) throw error;
        // A Redis that is full or loads its file: nothing of a cell is lost, and it may be over in a while.
        if (!signal.aborted) this.worker.say(error.message, true);
        await pause(REFUSED_MS, signal);
      }
    }
    await this.thread.close();
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
    this.#record = record;
    this.worker.changed();
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

  async #work(taken: TakenCell, signal: AbortSignal): Promise<void> {
    const { lease } = taken;
    const { store } = this.worker;
    const stop = new AbortController();
    const onWorkerStop = () => stop.abort('worker' satisfies Stop);
    signal.addEventListener('abort', onWorkerStop, { once: true });
    const holding = this.#hold(lease, stop);
    const folder = join(this.worker.folders.runs, lease.job);
    this.#tell({ ...this.#record, state: 'training', job: lease.job, step: 0, steps: 0 });
    try {
      const checkpoint = store.checkpoint(lease.job);
      checkpoint.catch(() => {});
      if (await store.hasResult(lease.job)) {
        // Its worker published it and was gone before the queue knew.
        return await this.#tellQueue(taken.job.moveToCompleted(null, lease.token, false));
      }
      await this.#train(taken, checkpoint, folder, stop);
    } catch (error) {
      if (stop.signal.reason === ('lease' satisfies Stop)) return;
      if (isOfQueue(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      await this.#fail(taken, message, error instanceof PriotError && error.code === 'JOB_MALFORMED');
    } finally {
      holding.end();
      signal.removeEventListener('abort', onWorkerStop);
      rmSync(folder, { recursive: true, force: true });
      if (this.#facts !== undefined) this.#idle();
    }
  }

  async #train(
    taken: TakenCell,
    checkpoint: Promise<CheckpointRecord | undefined>,
    folder: string,
    stop: AbortController,
  ): Promise<void> {
    const { lease, job } = taken;
    const { store, folders } = this.worker;
    const startedMs = performance.now();
    if (job.deferredFailure) return this.#fail(taken, 'its workers were lost again and again', true);
    if (job.attemptsStarted > MAX_STARTS) return this.#fail(taken, `begun ${MAX_STARTS} times without an end`, true);
    const cell = await openJob(job.data, lease.job, lease.group, store, folders);
    rmSync(folder, { recursive: true, force: true });
    await this.#restore(lease, checkpoint, cell, folder);
    const uploads = new CheckpointUploads(this.worker, lease, folder);
    const outcome = await this.thread.train(
      { device: this.device, options: cell.options, path: folder, command: cellCommand(cell.asked) },
      stop.signal,
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
    if (stop.signal.reason === ('lease' satisfies Stop)) {
      this.worker.say(`${lease.job}: another worker has it by now`);
      return;
    }
    switch (outcome.type) {
      case 'done': {
        const seconds = (performance.now() - startedMs) / 1000;
        return this.#publish(taken, folder, outcome.summary.stateDigest, seconds, stop.signal);
      }
      case 'failed':
        return this.#fail(taken, outcome.message, false);
      case 'device':
        await uploads.last();
        this.#lost(outcome.message);
        return this.#tellQueue(job.moveToWait(lease.token));
      case 'interrupted':
        await uploads.last();
        return this.#tellQueue(job.moveToWait(lease.token));
    }
  }

  /** Publishes what is done. As long as Redis refuses, and the cell is still this board's, it is tried again. */
  async #publish(
    taken: TakenCell,
    folder: string,
    stateDigest: string,
    seconds: number,
    stop: AbortSignal,
  ): Promise<void> {
    const { lease, job } = taken;
    const { store, about, say } = this.worker;
    const { device, place, boardId } = this.#record;
    const packed = pack(readFiles(folder, travellingRunFiles));
    const common = { worker: about().id, device, boardId: boardId!, place: place!, stateDigest, seconds };
    for (;;) {
      try {
        const upload = await store.upload(packed);
        const publication = await store.publish(lease, { ...upload, ...common, at: new Date().toISOString() });
        if (publication === 'incomplete') continue; // Redis came back from a file that had not all of the upload.
        if (publication === 'lost') return say(`${lease.job}: done, and another worker has it by now`);
        await this.#tellQueue(job.moveToCompleted(null, lease.token, false));
        const how = publication === 'there' ? 'was done already' : `done in ${seconds.toFixed(1)} s`;
        return say(`${lease.job}: ${how}`);
      } catch (error) {
        if (!isOfQueue(error) || stop.aborted) throw error;
        say(`${lease.job}: done, and cannot be handed over yet: ${error.message}`, true);
        await pause(REFUSED_MS, stop);
      }
    }
  }

  /** Says why a cell failed; BullMQ has it tried again as often as the sweep asked. */
  async #fail({ lease, job }: TakenCell, message: string, forGood: boolean): Promise<void> {
    const { store, about, say } = this.worker;
    const tries = job.attemptsMade + 1;
    const final = forGood || tries >= (job.opts.attempts ?? 1);
    const { device } = this.#record;
    const shown = store.address.redact(message).slice(0, 4000);
    const record = { message: shown, worker: about().id, device, tries, final, at: new Date().toISOString() };
    if (!(await store.fail(lease, record))) return;
    say(`${lease.job}: failed${final ? '' : ', and is tried again'}: ${shown}`, true);
    const { UnrecoverableError } = store.client.bullmq;
    const error = forGood ? new UnrecoverableError(shown) : new Error(shown);
    await this.#tellQueue(job.moveToFailed(error, lease.token, false));
  }

  /** Waits for what BullMQ does with a job; when the lease was lost in between, whoever has it now does it. */
  async #tellQueue(answer: Promise<unknown>): Promise<void> {
    const late = /lock|missing key|not in the active state/i;
    await this.worker.store.ask(
      answer.catch((error: unknown) => {
        if (!(error instanceof Error) || !late.test(error.message)) throw error;
      }),
    );
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

  /** Keeps the lease until `end`; when it is lost, the work on the cell stops. */
  #hold(lease: Lease, stop: AbortController): { end(): void } {
    const { store, lockMs } = this.worker;
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
    return { end: () => clearInterval(timer) };
  }
}

/** Tells whether it is the queue that has trouble, and not the cell. */
function isOfQueue(error: unknown): error is FailedError {
  return error instanceof FailedError && (error.code === 'QUEUE_REFUSED' || error.code === 'QUEUE_UNREACHABLE');
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => {});
}
