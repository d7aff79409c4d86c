/** Looks at a queue: its workers, their boards, and the cells; has failed ones tried again, and forgets old results. */
import { UsageError } from '../errors.js';
import { queueAddress } from '../fleet/queue-address.js';
import { CellQueues } from '../fleet/queues.js';
import type { BoardRecord, FailureRecord, Needs, ResultRecord } from '../fleet/records.js';
import { FleetStore, SILENT_MS } from '../fleet/store.js';
import { complete } from '../options/option.js';
import { type FleetOptions, fleetOptions } from '../options/other.js';
import type { Context } from './events.js';

/** A worker of the queue. */
export interface FleetWorker {
  readonly id: string;
  readonly host: string;
  readonly priot: string;
  readonly labels: readonly string[];
  /** It has told of itself lately. */
  readonly live: boolean;
  readonly silentSeconds: number;
  readonly boards: readonly BoardRecord[];
  /** Cells that it refuses, by their group. */
  readonly refusals: readonly { readonly group: string; readonly why: string }[];
}

/** A cell on the queue. */
export interface FleetCell {
  /** Its name: the digest of what it trains, and its group. */
  readonly cell: string;
  readonly state: 'waiting' | 'training' | 'failed' | 'done';
  readonly worker?: string;
  readonly device?: string;
  readonly step?: number;
  readonly steps?: number;
  readonly stateDigest?: string;
  readonly seconds?: number;
}

/** Cells that ask for the same. */
export interface FleetGroup {
  readonly group: string;
  readonly needs: Needs;
}

/** What `priot fleet --json` prints. */
export interface FleetDocument {
  readonly queue: string;
  readonly workers: readonly FleetWorker[];
  readonly groups: readonly FleetGroup[];
  readonly cells: readonly FleetCell[];
  readonly failures: readonly ({ readonly cell: string } & FailureRecord)[];
  /** Cells that are tried again by this call. */
  readonly retried: readonly string[];
  /** Results that this call removed. */
  readonly forgotten: number;
}

const DAY_MS = 24 * 3_600_000;

/**
 * Lists what is on a queue, after having failed cells tried again and results forgotten, where that is asked for.
 * @throws UsageError QUEUE_ADDRESS_REFUSED, CELL_UNKNOWN; FailedError QUEUE_CLIENT_MISSING, QUEUE_UNREACHABLE, QUEUE_REFUSED;
 *   DataError RECORD_MALFORMED; the signal's reason
 */
export async function fleet(options: FleetOptions = {}, { signal }: Context = {}): Promise<FleetDocument> {
  const { queue, retry, forget } = complete('fleet', fleetOptions, options);
  const address = queueAddress(queue);
  const store = await FleetStore.open(address, signal);
  const queues = new CellQueues(store);
  const stop = () => store.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const retried = retry === undefined ? [] : await retryCells(store, queues, retry);
    const forgotten = forget === undefined ? 0 : await forgetResults(store, forget);
    return { queue: address.shown, ...(await listFleet(store, queues)), retried, forgotten };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await queues.close();
    store.close();
  }
}

/** Lists workers, groups, cells and failures. */
export async function listFleet(
  store: FleetStore,
  queues: CellQueues,
): Promise<Omit<FleetDocument, 'queue' | 'retried' | 'forgotten'>> {
  const [seen, groups, recorded] = await Promise.all([store.workers(), store.groups(), store.recorded()]);
  const results = await store.results(recorded.results);
  const failures = await store.failures(recorded.failures);
  const boards = new Map<string, { worker: string; board: BoardRecord }>();
  const workers = seen.map(({ record, silentMs }) => {
    const { id, host, priot, labels, refusals } = record;
    const live = silentMs < SILENT_MS;
    for (const board of live ? record.boards : [])
      if (board.job !== undefined) boards.set(board.job, { worker: id, board });
    return {
      id,
      host,
      priot,
      labels,
      live,
      silentSeconds: Math.round(silentMs / 1000),
      boards: record.boards,
      refusals,
    };
  });
  const cells = new Map<string, FleetCell>();
  for (const group of groups.keys()) {
    const [waiting, active, failed] = await Promise.all([
      queues.names(group, 'wait'),
      queues.names(group, 'active'),
      queues.names(group, 'failed'),
    ]);
    for (const cell of waiting) cells.set(cell, { cell, state: 'waiting' });
    for (const cell of active) cells.set(cell, trainingCell(cell, boards.get(cell)));
    for (const cell of failed) cells.set(cell, { cell, state: 'failed' });
  }
  for (const [cell, record] of results) cells.set(cell, doneCell(cell, record));
  const all = { workers, groups: [...groups].map(([group, needs]) => ({ group, needs })), cells: [...cells.values()] };
  return { ...all, failures: [...failures].map(([cell, record]) => ({ cell, ...record })) };
}

function trainingCell(cell: string, at: { worker: string; board: BoardRecord } | undefined): FleetCell {
  if (at === undefined) return { cell, state: 'training' };
  const { device, step, steps } = at.board;
  return {
    ...{ cell, state: 'training', worker: at.worker, device },
    ...(step !== undefined && { step }),
    ...(steps !== undefined && { steps }),
  };
}

function doneCell(cell: string, { worker, device, stateDigest, seconds }: ResultRecord): FleetCell {
  return { cell, state: 'done', worker, device, stateDigest, seconds };
}

/** Has failed cells tried again: those that are named by the beginning of their names, or all. */
async function retryCells(store: FleetStore, queues: CellQueues, asked: readonly string[]): Promise<string[]> {
  const failed: { group: string; cell: string }[] = [];
  for (const group of (await store.groups()).keys()) {
    for (const cell of await queues.names(group, 'failed')) failed.push({ group, cell });
  }
  const all = asked.includes('all');
  const unknown = all ? undefined : asked.find((name) => !failed.some(({ cell }) => cell.startsWith(name)));
  if (unknown !== undefined) {
    throw new UsageError('CELL_UNKNOWN', `no failed cell is called ${unknown}`, 'see the failures of `priot fleet`');
  }
  const retried: string[] = [];
  for (const { group, cell } of failed) {
    if (!all && !asked.some((name) => cell.startsWith(name))) continue;
    await store.forgetFailure(cell);
    if (await queues.retry(group, cell)) retried.push(cell);
  }
  return retried;
}

async function forgetResults(store: FleetStore, days: number): Promise<number> {
  const { results } = await store.recorded();
  const before = Date.now() - days * DAY_MS;
  const old = new Map([...(await store.results(results))].filter(([, { at }]) => Date.parse(at) <= before));
  await store.forgetResults(old);
  return old.size;
}
