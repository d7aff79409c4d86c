/** The groups of cells on a queue, as a worker sees them. */
import { setTimeout as delay } from 'node:timers/promises';
import { workerMisfit } from '../fleet/needs.js';
import type { Needs, WorkerRecord } from '../fleet/records.js';
import type { FleetStore } from '../fleet/store.js';
import type { Bell } from './bell.js';
import type { FleetBoard } from './fleet-board.js';
import { localRequest } from './fleet-inputs.js';
import type { DatasetRequest } from './load-dataset.js';
import { orAbort } from './or-abort.js';
import { TrainingThread } from './training-thread.js';

/** From one look at all groups to the next; in between, only whether cells have come. */
const LOOK_MS = 2_000;
const ARRIVALS_MS = 250;
/** Data that was not there is looked for again after so long. */
const DATA_MS = 60_000;

/** What the groups have of their worker. */
export interface GroupSurroundings {
  readonly store: FleetStore;
  /** It is rung when cells have come. */
  readonly arrivals: Bell;
  readonly dataDir: string | undefined;
  readonly boards: () => readonly FleetBoard[];
  readonly say: (text: string, warning?: true) => void;
}

/** The groups of cells on the queue, and those whose data sets are here. */
export class WorkerGroups {
  #fit: ReadonlyMap<string, Needs> = new Map();
  /** Groups that were looked at, with what is wrong, and when to look again. */
  readonly #known = new Map<string, { readonly why: string | undefined; readonly againMs: number }>();
  /** For when all boards are busy. */
  readonly #thread = new TrainingThread();

  constructor(private readonly worker: GroupSurroundings) {}

  /** Groups whose data sets are here as they must be. */
  get fit(): ReadonlyMap<string, Needs> {
    return this.#fit;
  }

  /** Groups whose data sets are not, and why. */
  get refusals(): WorkerRecord['refusals'] {
    return [...this.#known].flatMap(([group, { why }]) =>
      why === undefined ? [] : [{ group, why: why.slice(0, 1000) }],
    );
  }

  /** Looks at what groups there are until the signal aborts: now and then, and at once when cells have come. */
  async follow(about: () => WorkerRecord, signal: AbortSignal): Promise<void> {
    const { store, arrivals } = this.worker;
    const count = () =>
      orAbort(
        store.arrivals().catch(() => undefined),
        signal,
      );
    let seen: string | undefined;
    let lookedMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const now = await count();
      if (now !== seen || performance.now() - lookedMs >= LOOK_MS) {
        lookedMs = performance.now();
        const groups = await orAbort(
          store.groups().catch(() => undefined),
          signal,
        );
        // While Redis refuses, what was seen last holds.
        if (groups !== undefined) await this.#look(groups, about, signal);
        if (now !== seen) arrivals.ring();
        seen = now;
      }
      await delay(ARRIVALS_MS, undefined, { signal }).catch(() => {});
    }
    await this.#thread.close();
  }

  async #look(groups: ReadonlyMap<string, Needs>, about: () => WorkerRecord, signal: AbortSignal): Promise<void> {
    for (const group of this.#known.keys()) if (!groups.has(group)) this.#known.delete(group);
    for (const [group, needs] of groups) {
      if (signal.aborted) break;
      const known = this.#known.get(group);
      if (known !== undefined && performance.now() < known.againMs) continue;
      this.#known.delete(group);
      // What another priot or another label keeps away needs no look at data.
      if (workerMisfit(about(), group, needs) !== undefined) continue;
      const why = await this.#dataMisfit(needs, signal);
      if (signal.aborted) break;
      if (why !== undefined && known?.why !== why) {
        this.worker.say(`cells of the group ${group} are refused: ${why}`, true);
      }
      await this.#thread.close();
      const againMs = why === undefined ? Number.POSITIVE_INFINITY : performance.now() + DATA_MS;
      this.#known.set(group, { why, againMs });
    }
    const fits = (group: string) => this.#known.has(group) && this.#known.get(group)?.why === undefined;
    this.#fit = new Map([...groups].filter(([group]) => fits(group)));
  }

  /** Says which data set is not the one that cells need; undefined: all are. */
  async #dataMisfit(needs: Needs, signal: AbortSignal): Promise<string | undefined> {
    for (const needed of needs.data) {
      try {
        const found = await this.#digest(localRequest(needed, this.worker.dataDir), signal);
        if (found !== needed.sha256) {
          return `the data set ${needed.name} is another one: ${found.slice(0, 12)}, not ${needed.sha256.slice(0, 12)}`;
        }
      } catch (error) {
        return `the data set ${needed.name} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    return undefined;
  }

  /** Reads a data set: in the thread of a board that is idle, which then has it for its cells, or else in one beside. */
  #digest(request: DatasetRequest, signal: AbortSignal): Promise<string> {
    for (const board of this.worker.boards()) {
      const lent = board.dataDigest(request, signal);
      if (lent !== undefined) return lent;
    }
    return this.#thread.dataDigest(request, signal);
  }
}
