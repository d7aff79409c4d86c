/** Reads from a queue who works on it and what there is to do. */
import type { CellQueues } from '../fleet/queues.js';
import type { BoardRecord, ResultRecord } from '../fleet/records.js';
import { type FleetStore, SILENT_MS } from '../fleet/store.js';
import type { FleetCell, FleetDocument } from './fleet-document.js';

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
