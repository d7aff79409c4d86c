/** Looks at a queue: its workers, their boards, and the cells; has failed ones tried again, and forgets old results. */
import { UsageError } from '../errors.js';
import { groupOfJob } from '../fleet/needs.js';
import { queueAddress } from '../fleet/queue-address.js';
import { CellQueues } from '../fleet/queues.js';
import { jobIdPattern } from '../fleet/records.js';
import { FleetStore } from '../fleet/store.js';
import { complete } from '../options/option.js';
import { type FleetOptions, fleetOptions } from '../options/other.js';
import type { Context } from './events.js';
import type { FleetDocument } from './fleet-document.js';
import { listFleet } from './fleet-listing.js';

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
    const forgotten = forget === undefined ? 0 : await forgetResults(store, queues, forget);
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
  if (retried.length > 0) await store.announce();
  return retried;
}

/** Removes old results; their cells are then as if they had never been. */
async function forgetResults(store: FleetStore, queues: CellQueues, days: number): Promise<number> {
  const { results } = await store.recorded();
  const before = Date.now() - days * DAY_MS;
  const old = new Map([...(await store.results(results))].filter(([, { at }]) => Date.parse(at) <= before));
  await store.forgetResults(old);
  for (const job of old.keys()) if (jobIdPattern.test(job)) await queues.remove(groupOfJob(job), [job]);
  return old.size;
}
