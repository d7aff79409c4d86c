/** The cells of a sweep on a queue: put there, followed, and fetched into run folders as they become done. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataError } from '../errors.js';
import { travellingRunFiles, unpack, writeFiles } from '../fleet/archive.js';
import { localised, networkFolder } from '../fleet/localise.js';
import { whyNobody } from '../fleet/needs.js';
import { queueAddress } from '../fleet/queue-address.js';
import { CellQueues } from '../fleet/queues.js';
import type { Needs, ResultRecord } from '../fleet/records.js';
import { FleetStore, type SeenWorker, SILENT_MS } from '../fleet/store.js';
import { complete } from '../options/option.js';
import type { CompleteSweepOptions } from '../options/other.js';
import { trainingOptions } from '../options/training.js';
import { runFiles } from '../runs/run-folder.js';
import { lockRun } from '../runs/run-lock.js';
import type { CellResult } from '../sweep/sweep-table.js';
import type { NoticeEvent, ProgressEvent } from './events.js';
import { InputCache } from './inputs.js';
import { orAbort } from './or-abort.js';
import { planQueue, type QueuePlan, type Waiting } from './queue-plan.js';
import { type CellFailure, type CellResults, type PlannedCell, resultOf, type SessionsEvent } from './sweep-cells.js';

/** From one look to the next whether there is something new. */
const LOOK_MS = 150;
/** So often it is told how far it is, when there is nothing new. */
const TELL_MS = 500;
/** From one look at the workers to the next. */
const WORKERS_MS = 2_000;
/** Cells that are not done are put there again so often: what a Redis has lost, and what is there already is left alone. */
const AGAIN_MS = 60_000;
/** Cells that a line names before it says how many more there are. */
const NAMED = 3;

type QueuedSweepEvent = NoticeEvent | ProgressEvent | SessionsEvent;

/**
 * Has cells trained by the workers of a queue, until all are done or have failed for good.
 * @throws FailedError QUEUE_CLIENT_MISSING, QUEUE_UNREACHABLE, QUEUE_REFUSED; what reading networks and data sets throws
 */
export async function runQueuedCells(
  cells: readonly PlannedCell[],
  options: CompleteSweepOptions & { readonly queue: string },
  signal: AbortSignal,
  onEvent: (event: QueuedSweepEvent) => void,
): Promise<CellResults> {
  const address = queueAddress(options.queue);
  const done = cells.flatMap((cell) => resultOf(cell) ?? []);
  const isDone = new Set(done.map(({ cell }) => cell));
  const remaining = cells.filter((cell) => !isDone.has(cell));
  onEvent({ type: 'sessions', sessions: cells.length, done: done.length, devices: [address.shown] });
  if (remaining.length === 0) return { results: done, failures: [] };
  const store = await FleetStore.open(address, signal);
  const queues = new CellQueues(store);
  try {
    for (const text of await store.complaints()) onEvent({ type: 'notice', warning: true, text });
    const plan = await planQueue(remaining, options, signal);
    const follower = new Follower(plan, cells.length, done, { store, queues, options, onEvent });
    await follower.follow(signal);
    const at = new Map(cells.map((cell, index) => [cell as object, index]));
    const results = [...done, ...follower.results].sort((a, b) => at.get(a.cell)! - at.get(b.cell)!);
    return { results, failures: follower.failures };
  } finally {
    await queues.close();
    store.close();
  }
}

interface Surroundings {
  readonly store: FleetStore;
  readonly queues: CellQueues;
  readonly options: CompleteSweepOptions;
  readonly onEvent: (event: QueuedSweepEvent) => void;
}

/** Follows cells until each is done or has failed. */
class Follower {
  readonly results: CellResult[] = [];
  readonly failures: CellFailure[] = [];
  readonly #left: Map<string, Waiting>;
  readonly #again = new Set<string>();
  readonly #inputs = new InputCache();
  #complaint = '';
  #doing = '';

  constructor(
    private readonly plan: QueuePlan,
    private readonly sessions: number,
    private readonly before: readonly CellResult[],
    private readonly around: Surroundings,
  ) {
    this.#left = new Map(plan.waiting.map((each) => [each.job, each]));
  }

  /** Ends early, without an error, when the signal aborts: the workers go on. */
  async follow(signal: AbortSignal): Promise<void> {
    const { store } = this.around;
    // Whoever comes again takes what was done meanwhile, and puts there what is missing.
    await this.#fetch();
    let seen = '';
    let addedMs = Number.NEGATIVE_INFINITY;
    let lookedMs = Number.NEGATIVE_INFINITY;
    let toldMs = Number.NEGATIVE_INFINITY;
    while (this.#left.size > 0 && !signal.aborted) {
      const nowMs = performance.now();
      if (nowMs - addedMs > AGAIN_MS) {
        await orAbort(this.#add(), signal);
        addedMs = nowMs;
      }
      const changes = await orAbort(store.changes(), signal);
      if (changes !== undefined && changes !== seen) {
        await orAbort(this.#fetch(), signal);
        seen = changes;
      }
      if (nowMs - lookedMs > WORKERS_MS && !signal.aborted) {
        await orAbort(this.#look(), signal);
        lookedMs = nowMs;
      }
      if (nowMs - toldMs > TELL_MS) {
        this.#progress();
        toldMs = nowMs;
      }
      if (this.#left.size > 0) await delay(LOOK_MS, undefined, { signal }).catch(() => {});
    }
    if (signal.aborted && this.#left.size > 0) {
      const stay = `${sessionsText(this.#left.size)} ${this.#left.size === 1 ? 'stays' : 'stay'} on the queue`;
      this.#say(`${stay}; the same command goes on from there, on any machine`);
    }
  }

  async #add(): Promise<void> {
    const { store, queues, options } = this.around;
    for (const [digest, packed] of this.plan.networks) await store.addNetwork(digest, packed);
    for (const [group, needs] of this.plan.groups) {
      await store.addGroup(group, needs);
      const cells = this.plan.jobs.get(group)!.filter(({ job }) => this.#left.has(job));
      await queues.add(group, cells, (options.retries ?? 0) + 1);
    }
    await store.announce();
  }

  async #fetch(): Promise<void> {
    const { store } = this.around;
    const jobs = [...this.#left.keys()];
    for (const [job, record] of await store.results(jobs)) {
      const waiting = this.#left.get(job)!;
      this.results.push({ cell: waiting.cell, summary: await this.#adopt(waiting, record) });
      this.#left.delete(job);
      this.#progress();
    }
    const failures = await store.failures([...this.#left.keys()]);
    for (const [job, { message, worker, tries, final }] of failures) {
      const { cell } = this.#left.get(job)!;
      const what = `${job} (${cell.command.slice(1).join(' ')}) by ${worker}: ${message}`;
      if (final) {
        this.failures.push({ cell, message });
        this.#left.delete(job);
        this.#say(`failed: ${what}; to try it again: priot fleet --retry ${job}`);
      } else if (!this.#again.has(`${job} ${tries}`)) {
        this.#again.add(`${job} ${tries}`);
        this.#say(`tried again: ${what}`);
      }
    }
  }

  /** Makes the run folder of a result: whole, or not there. */
  async #adopt({ cell, job }: Waiting, record: ResultRecord): Promise<CellResult['summary']> {
    const files = unpack(await this.around.store.download(record), travellingRunFiles);
    const { dataDir, ...training } = cell.options;
    const { model, dataset, transferDir } = complete('train', trainingOptions, training);
    const network = networkFolder(this.#inputs.network(model).path);
    const here = localised(files, { run: cell.path, model, network, dataset, transferDir, dataDir });
    const aside = `${cell.path}.partial-${process.pid}`;
    rmSync(aside, { recursive: true, force: true });
    writeFiles(aside, here);
    // What is there may be a run that was begun here and never ended.
    if (existsSync(cell.path) && resultOf(cell) === undefined) {
      lockRun(cell.path, join(cell.path, runFiles.lock), 'make room');
      rmSync(cell.path, { recursive: true });
    }
    if (existsSync(cell.path)) rmSync(aside, { recursive: true });
    else renameSync(aside, cell.path);
    const result = resultOf(cell);
    if (result?.summary.stateDigest !== record.stateDigest) {
      throw new DataError('BLOB_DAMAGED', `the run folder of ${job} has another learned state than its result says`);
    }
    return result.summary;
  }

  /** Looks at what the workers do, and says which cells none of them can take. */
  async #look(): Promise<void> {
    const workers = (await this.around.store.workers()).filter(({ silentMs }) => silentMs < SILENT_MS);
    this.#doing = doingOf(workers, this.#left);
    const complaint = this.#complaintOf(workers);
    if (complaint !== this.#complaint && complaint !== '') this.#say(complaint);
    this.#complaint = complaint;
  }

  #complaintOf(workers: readonly SeenWorker[]): string {
    if (workers.length === 0) return 'no worker is on the queue yet; on a machine with boards: priot worker --queue …';
    const records = workers.map(({ record }) => record);
    const lines = [...this.plan.groups].flatMap(([group, needs]) => {
      const left = [...this.#left.values()].filter((each) => each.group === group);
      const why = left.length === 0 ? undefined : whyNobody(records, group, needs);
      if (why === undefined) return [];
      const named = left.slice(0, NAMED).map(({ cell }) => cell.command.slice(1).join(' '));
      const more = left.length > NAMED ? [`and ${left.length - NAMED} more`] : [];
      const asked = askedText(needs);
      return [
        `no worker can take ${sessionsText(left.length)}${asked === '' ? '' : ` (${asked})`}:`,
        ...[...named, ...more].map((text) => `  ${text}`),
        ...why.map((text) => `  ${text}`),
      ];
    });
    return lines.join('\n');
  }

  #progress(): void {
    const done = this.before.length + this.results.length + this.failures.length;
    this.around.onEvent({ type: 'progress', what: 'sessions', done, of: this.sessions, text: this.#doing });
  }

  #say(text: string): void {
    this.around.onEvent({ type: 'notice', warning: true, text });
  }
}

function sessionsText(count: number): string {
  return count === 1 ? '1 session' : `${count} sessions`;
}

/** What cells ask for, for people. */
function askedText({ place, board, label, memory }: Needs): string {
  const parts = { place, board, label, memory };
  return Object.entries(parts)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(', ');
}

/** Who trains what of these cells; of two that say the same, one is gone: it is the one that was silent for longer. */
function doingOf(workers: readonly SeenWorker[], left: ReadonlyMap<string, unknown>): string {
  const named = new Set<string>();
  const latest = workers.toSorted((a, b) => a.silentMs - b.silentMs);
  const doing = latest.flatMap(({ record }) =>
    record.boards.flatMap(({ device, job, step = 0, steps = 0 }) => {
      if (job === undefined || !left.has(job) || named.has(job)) return [];
      named.add(job);
      return [
        `${record.id}/${device} ${job.slice(0, 8)}${steps === 0 ? '' : ` ${Math.floor((100 * step) / steps)} %`}`,
      ];
    }),
  );
  return doing.length === 0 ? 'none under way' : doing.join(', ');
}
