/** BullMQ's queues, one for each group of cells that need the same. */
import { randomUUID } from 'node:crypto';
import type { Job, Queue, Worker } from 'bullmq';
import type { FleetJob } from './records.js';
import type { FleetStore, Lease } from './store.js';

/** Times that a cell may be found without its worker; after that it is the cell that ends workers. */
const MAX_STALLED = 10;
/** Jobs that are added at once. */
const JOBS_AT_ONCE = 500;
/** Jobs that are done stay in BullMQ for so long; results stay in the store. */
const DONE_SECONDS = 3_600;
/** Events that BullMQ keeps of a group: nothing here reads them. */
const MAX_EVENTS = 100;

/** A cell to put on a queue. */
export interface QueuedCell {
  readonly job: string;
  readonly data: FleetJob;
}

/** Queues that cells are put on, and looked at. */
export class CellQueues {
  readonly #queues = new Map<string, Queue>();

  constructor(private readonly store: FleetStore) {}

  /** Puts cells on the queue of their group, in their order; those that are there stay as they are. */
  async add(group: string, cells: readonly QueuedCell[], attempts: number): Promise<void> {
    const queue = this.#queue(group);
    for (let first = 0; first < cells.length; first += JOBS_AT_ONCE) {
      const jobs = cells.slice(first, first + JOBS_AT_ONCE).map(({ job, data }) => ({
        name: 'cell',
        data,
        opts: { jobId: job, attempts, removeOnComplete: { age: DONE_SECONDS, count: 1000 }, stackTraceLimit: 1 },
      }));
      await this.store.ask(queue.addBulk(jobs));
    }
  }

  /** Counts the cells of a group that wait, are under way, and have failed. */
  async counts(group: string): Promise<{ waiting: number; active: number; failed: number }> {
    const counts = await this.store.ask(this.#queue(group).getJobCounts('wait', 'prioritized', 'active', 'failed'));
    return {
      waiting: (counts.wait ?? 0) + (counts.prioritized ?? 0),
      active: counts.active ?? 0,
      failed: counts.failed ?? 0,
    };
  }

  /** Names the cells of a group that are in a state. */
  async names(group: string, state: 'wait' | 'active' | 'failed'): Promise<string[]> {
    const { redis } = this.store;
    const key = this.#queue(group).toKey(state);
    return this.store.ask(state === 'failed' ? redis.zrange(key, '0', '-1') : redis.lrange(key, 0, -1));
  }

  /** Has a cell that failed tried again, as often as at first; false: it has not failed. */
  async retry(group: string, job: string): Promise<boolean> {
    const queue = this.#queue(group);
    const found: Job | undefined = await this.store.ask(queue.getJob(job));
    if (found === undefined || !(await this.store.ask(found.isFailed()))) return false;
    await this.store.ask(found.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true }));
    return true;
  }

  /** Takes cells that are done off their queue, so that they may be put there anew. */
  async remove(group: string, jobs: readonly string[]): Promise<void> {
    for (const job of jobs) await this.store.ask(this.#queue(group).remove(job));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => {})));
  }

  #queue(group: string): Queue {
    const known = this.#queues.get(group);
    if (known !== undefined) return known;
    const queue = new this.store.client.bullmq.Queue(group, {
      ...this.store.queueOptions,
      streams: { events: { maxLen: MAX_EVENTS } },
    });
    queue.on('error', () => {});
    this.#queues.set(group, queue);
    return queue;
  }
}

/** A cell that was taken from its queue. */
export interface TakenCell {
  readonly lease: Lease;
  readonly job: Job<unknown>;
}

/**
 * The queues that a worker takes cells from. Jobs are fetched by hand, one for each board that is free: BullMQ's own loop
 * cannot choose among queues.
 */
export class TakingQueues {
  readonly #workers = new Map<string, Promise<Worker>>();

  /** @param lockMs how long a cell stays a worker's that does not renew its lease */
  constructor(
    private readonly store: FleetStore,
    private readonly lockMs: number,
  ) {}

  /** Takes the next cell of a group; undefined: there is none. */
  async take(group: string): Promise<TakenCell | undefined> {
    const worker = await this.#worker(group);
    const token = randomUUID();
    const job: Job<unknown> | undefined = await this.store.ask(worker.getNextJob(token, { block: false }));
    return job?.id === undefined ? undefined : { lease: { group, job: job.id, token }, job };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#workers.values()].map(async (worker) => (await worker).close(true)));
  }

  #worker(group: string): Promise<Worker> {
    const known = this.#workers.get(group);
    if (known !== undefined) return known;
    const worker = this.#start(group);
    this.#workers.set(group, worker);
    // What was cut off before it was ready never is: the next one who asks begins anew.
    worker.catch(() => this.#workers.delete(group));
    return worker;
  }

  /** Whoever looks at a queue also looks for cells of it whose worker is gone. */
  async #start(group: string): Promise<Worker> {
    const { Worker, createRedisBackend } = this.store.client.bullmq;
    const options = {
      ...this.store.queueOptions,
      lockDuration: this.lockMs,
      stalledInterval: this.lockMs / 2,
      maxStalledCount: MAX_STALLED,
      removeOnComplete: { age: DONE_SECONDS, count: 1000 },
    };
    // Without the connection of BullMQ's own loop: answers about a job would wait for it, for ever if it was cut off before
    // it was ready.
    const worker = new Worker(group, null, options, (name, given) => createRedisBackend(name, given));
    worker.on('error', () => {});
    try {
      await this.store.ask(worker.waitUntilReady());
      await this.store.ask(worker.startStalledCheckTimer());
      return worker;
    } catch (error) {
      await worker.close(true).catch(() => {});
      throw error;
    }
  }
}
