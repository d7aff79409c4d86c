/** Which boards may take which cells. */
import { sha256 } from '../files.js';
import type { BoardRecord, Needs, WorkerRecord } from './records.js';

/** Names the group of cells that need the same: 16 hexadecimal digits. */
export function groupOf(needs: Needs): string {
  const ordered = Object.entries(needs)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(JSON.stringify(ordered)).slice(0, 16);
}

/** The cell's name in its group. */
export function jobIdOf(cell: string, group: string): string {
  return `${cell}-${group}`;
}

/** Gives the group in the name of a cell. */
export function groupOfJob(job: string): string {
  return job.slice(job.indexOf('-') + 1);
}

/** Says what keeps a worker from cells of a group, whatever its boards are; undefined: nothing. */
export function workerMisfit(worker: WorkerRecord, group: string, needs: Needs): string | undefined {
  if (worker.priot !== needs.priot) return `its priot is ${worker.priot}, not ${needs.priot}`;
  const refusal = worker.refusals.find((each) => each.group === group);
  if (refusal !== undefined) return refusal.why;
  if (needs.label !== undefined && !worker.labels.includes(needs.label)) return `it has no label ${needs.label}`;
  return undefined;
}

/** Says what keeps a board from cells of a group that its worker may take; undefined: nothing. */
export function boardMisfit(board: BoardRecord, worker: WorkerRecord, needs: Needs): string | undefined {
  const { place, boardId, memoryBytes, device } = board;
  if (board.state === 'lost') return `${device} is lost: ${board.cause ?? 'no answer'}`;
  if (place === undefined || boardId === undefined) return `${device} is being opened`;
  if (needs.place !== undefined && place !== needs.place) return `${device} is ${place}, not ${needs.place}`;
  if (needs.board !== undefined && boardId !== needs.board) return `${device} is board ${boardId}, not ${needs.board}`;
  if (needs.memory !== undefined && (memoryBytes ?? 0) < needs.memory) {
    return `${device} has ${memoryBytes ?? 0} bytes, fewer than ${needs.memory}`;
  }
  const [own, needed] =
    place === 'simulated'
      ? [worker.firmware.simulator, needs.firmware.simulator]
      : [worker.firmware.image, needs.firmware.image];
  if (own !== needed) return `${device}: its firmware is ${own.slice(0, 12)}, not ${needed.slice(0, 12)}`;
  if (board.ownFirmware === false) {
    return `${device}: its firmware (commit ${board.firmwareCommit ?? 'unknown'}) is not that of its worker's priot`;
  }
  return undefined;
}

/** Says why no worker takes cells of a group: a line each; undefined: one does, or may in a moment. */
export function whyNobody(workers: readonly WorkerRecord[], group: string, needs: Needs): string[] | undefined {
  const reasons = new Set<string>();
  for (const worker of workers) {
    const misfit = workerMisfit(worker, group, needs);
    if (misfit !== undefined) {
      reasons.add(`${worker.id}: ${misfit}`);
      continue;
    }
    for (const board of worker.boards) {
      if (board.state === 'opening') return undefined;
      const unfit = boardMisfit(board, worker, needs);
      if (unfit === undefined) return undefined;
      reasons.add(`${worker.id}: ${unfit}`);
    }
  }
  return [...reasons];
}

/** Counts what a group asks for beyond what all ask for: those that few boards fit come first. */
export function strictness(needs: Needs): number {
  return [needs.board, needs.label, needs.memory, needs.place].filter((need) => need !== undefined).length;
}
