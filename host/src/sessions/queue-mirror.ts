/** A folder that has the runs of a queue as they come: those that are done, and those under way by their last checkpoint. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataError, PriotError } from '../errors.js';
import { travellingRunFiles, unpack, writeFiles } from '../fleet/archive.js';
import { type BlobReference, jobIdPattern } from '../fleet/records.js';
import type { FleetStore } from '../fleet/store.js';
import { runFiles } from '../runs/run-folder.js';
import { lockRun, unlockRun } from '../runs/run-lock.js';
import { orAbort } from './or-abort.js';

/** From one look at the store to the next. */
const LOOK_MS = 2_000;
/** Runs that are kept; what else is on the queue, `priot fleet` lists. */
const MAX_RUNS = 2_000;

/** Keeps a folder like the queue until it is stopped. */
export class QueueMirror {
  /** The blob that each run folder was made of. */
  readonly #made = new Map<string, string>();
  readonly #locked = new Set<string>();

  constructor(
    private readonly store: FleetStore,
    private readonly folder: string,
  ) {}

  /** Fetches what is new once. @throws FailedError of the queue; CapacityError DISK_FULL */
  async update(): Promise<void> {
    const { results, checkpoints } = await this.store.recorded();
    const room = (jobs: string[]) => jobs.filter((job) => jobIdPattern.test(job)).slice(0, MAX_RUNS);
    for (const [job, record] of await this.store.results(room(results))) await this.#make(job, record, false);
    for (const [job, record] of await this.store.checkpoints(room(checkpoints))) await this.#make(job, record, true);
  }

  /** Goes on fetching until the signal aborts; while Redis is away, or refuses, the folder stays as it is. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(LOOK_MS, undefined, { signal }).catch(() => {});
      const updated = this.update().catch((error: unknown) => {
        if (!(error instanceof PriotError)) throw error;
      });
      await orAbort(updated, signal);
    }
  }

  async #make(job: string, record: BlobReference, isUnderWay: boolean): Promise<void> {
    if (this.#made.get(job) === record.blob) return;
    const path = join(this.folder, job);
    const lock = join(path, runFiles.lock);
    try {
      writeFiles(path, unpack(await this.store.download(record), travellingRunFiles));
    } catch (error) {
      // A checkpoint that was replaced meanwhile, or bytes that are none: the next one may do.
      if (error instanceof DataError) return;
      throw error;
    }
    // A run whose lock is held is under way, for the page as for everyone.
    if (isUnderWay && !this.#locked.has(job)) {
      lockRun(path, lock, 'make room');
      this.#locked.add(job);
    } else if (!isUnderWay && this.#locked.delete(job)) unlockRun(lock);
    this.#made.set(job, record.blob);
  }
}
