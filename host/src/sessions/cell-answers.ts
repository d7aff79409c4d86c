/** What a worker answers about a cell that it took: done, failed, or given back. */
import { setTimeout as delay } from 'node:timers/promises';
import { FailedError } from '../errors.js';
import type { TakenCell } from '../fleet/queues.js';
import type { BoardRecord, ResultRecord } from '../fleet/records.js';
import type { BoardSurroundings } from './checkpoint-uploads.js';

/** From one attempt to the next when Redis refuses. */
export const REFUSED_MS = 5_000;

/** A cell that is trained to its end, packed for the store. */
export interface TrainedCell {
  readonly packed: Uint8Array;
  readonly stateDigest: string;
  readonly seconds: number;
  /** The board that trained it. */
  readonly by: BoardRecord;
}

/** The answers about one cell. */
export class CellAnswers {
  constructor(
    private readonly worker: BoardSurroundings,
    private readonly taken: TakenCell,
  ) {}

  /**
   * Publishes what is done. As long as Redis refuses, and the cell is still this worker's, it is tried again.
   * @throws FailedError of the queue once `stop` has aborted; CapacityError BLOB_TOO_LARGE
   */
  async publish({ packed, stateDigest, seconds, by }: TrainedCell, stop: AbortSignal): Promise<void> {
    const { lease } = this.taken;
    const { store, about, say } = this.worker;
    const { device, place, boardId } = by;
    const common = { worker: about().id, device, boardId: boardId!, place: place!, stateDigest, seconds };
    let told = '';
    for (;;) {
      try {
        const upload = await store.upload(packed);
        const record: ResultRecord = { ...upload, ...common, at: new Date().toISOString() };
        const publication = await store.publish(lease, record);
        if (publication === 'incomplete') continue; // Redis came back from a file that had not all of the upload.
        if (publication === 'lost') return say(`${lease.job}: done, and another worker has it by now`);
        await this.complete();
        const how = publication === 'there' ? 'was done already' : `done in ${seconds.toFixed(1)} s`;
        return say(`${lease.job}: ${how}`);
      } catch (error) {
        if (!isOfQueue(error) || stop.aborted) throw error;
        if (error.message !== told) {
          say(`${lease.job}: done, and cannot be handed over yet: ${error.message}`, true);
        }
        told = error.message;
        await pause(REFUSED_MS, stop);
      }
    }
  }

  /** Tells the queue that the cell has a result. */
  complete(): Promise<void> {
    return this.#tellQueue(this.taken.job.moveToCompleted(null, this.taken.lease.token, false));
  }

  /** Gives the cell back: it is the next that anyone takes. */
  giveBack(): Promise<void> {
    return this.#tellQueue(this.taken.job.moveToWait(this.taken.lease.token));
  }

  /** Says why the cell failed; BullMQ has it tried again as often as the sweep asked, unless it is for good. */
  async fail(message: string, device: string, forGood: boolean): Promise<void> {
    const { lease, job } = this.taken;
    const { store, about, say } = this.worker;
    const tries = job.attemptsMade + 1;
    const final = forGood || tries >= (job.opts.attempts ?? 1);
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
}

/** Tells whether it is the queue that has trouble, and not the cell. */
export function isOfQueue(error: unknown): error is FailedError {
  return error instanceof FailedError && (error.code === 'QUEUE_REFUSED' || error.code === 'QUEUE_UNREACHABLE');
}

/** Waits so long, or until the signal aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => {});
}
