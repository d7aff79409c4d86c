/** What a sweep puts on a queue: its cells with what each needs, their networks, and the digests of their data. */
import { UsageError } from '../errors.js';
import { groupOf, jobIdOf } from '../fleet/needs.js';
import type { QueuedCell } from '../fleet/queues.js';
import type { NeededData, Needs } from '../fleet/records.js';
import { complete } from '../options/option.js';
import type { CompleteSweepOptions } from '../options/other.js';
import { trainingOptions } from '../options/training.js';
import { isBoardId, type Requirements } from '../sweep/requirements.js';
import { datasetName, packNetwork } from './fleet-inputs.js';
import { dataRequests, InputCache } from './inputs.js';
import { datasetDigest, loadSessionDataset } from './load-dataset.js';
import { packageDescription } from './package-files.js';
import { packageFirmware } from './provenance.js';
import type { PlannedCell } from './sweep-cells.js';

/** A cell with its name on the queue. */
export interface Waiting {
  readonly cell: PlannedCell;
  readonly job: string;
  readonly group: string;
}

/** What is put on the queue. */
export interface QueuePlan {
  readonly groups: ReadonlyMap<string, Needs>;
  readonly networks: ReadonlyMap<string, Uint8Array>;
  readonly waiting: readonly Waiting[];
  /** The cells of each group as BullMQ takes them. */
  readonly jobs: ReadonlyMap<string, readonly QueuedCell[]>;
}

/**
 * Plans what is put on the queue.
 * @throws what reading networks and data sets throws; UsageError OPTION_REFUSED
 */
export async function planQueue(
  cells: readonly PlannedCell[],
  options: CompleteSweepOptions,
  signal: AbortSignal,
): Promise<QueuePlan> {
  const common = { version: 1, priot: packageDescription().version, firmware: packageFirmware() } as const;
  const asked = askedOf(options);
  const inputs = new InputCache();
  const data = new DataDigests(signal);
  const networks = new Map<string, Uint8Array>();
  const digests = new Map<string, string>();
  const groups = new Map<string, Needs>();
  const names = new Map<string, string>();
  const jobs = new Map<string, QueuedCell[]>();
  const waiting: Waiting[] = [];
  for (const cell of cells) {
    const { model } = complete('train', trainingOptions, withoutDataDir(cell));
    let network = digests.get(model);
    if (network === undefined) {
      const { digest, packed } = packNetwork(inputs.network(model));
      networks.set(digest, packed);
      digests.set(model, digest);
      network = digest;
    }
    const needs: Needs = { ...common, data: await data.of(cell), ...asked, ...cell.requires };
    const key = JSON.stringify(needs);
    const group = names.get(key) ?? groupOf(needs);
    names.set(key, group);
    groups.set(group, needs);
    const job = jobIdOf(cell.digest, group);
    waiting.push({ cell, job, group });
    const list = jobs.get(group) ?? [];
    jobs.set(group, list);
    list.push({ job, data: { version: 1, cell: cell.digest, options: { ...withoutDataDir(cell) }, network } });
  }
  return { groups, networks, waiting, jobs };
}

/** Where data lies is each machine's own business. */
function withoutDataDir({ options: { dataDir: _, ...options } }: PlannedCell) {
  return options;
}

/** What the options ask of every cell. @throws UsageError OPTION_REFUSED */
function askedOf({ place, board, label, memory }: CompleteSweepOptions): Requirements {
  const id = board?.toLowerCase();
  if (id !== undefined && !isBoardId(id)) {
    throw new UsageError('OPTION_REFUSED', `board is ${board}. It must be the 16 digits that \`priot devices\` shows.`);
  }
  return {
    ...(place !== undefined && { place }),
    ...(id !== undefined && { board: id }),
    ...(label !== undefined && { label }),
    ...(memory !== undefined && { memory }),
  };
}

/** Digests of the data sets that cells name; each is read once. */
class DataDigests {
  readonly #known = new Map<string, readonly NeededData[]>();

  constructor(private readonly signal: AbortSignal) {}

  /** @throws what reading a data set throws */
  async of({ options }: PlannedCell): Promise<readonly NeededData[]> {
    const { dataDir, ...training } = options;
    const given = complete('train', trainingOptions, training);
    const requests = dataRequests({ ...given, dataDir });
    const key = JSON.stringify(requests);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const needed: NeededData[] = [];
    for (const request of requests) {
      const { dataset, dataDir: _, ...how } = request;
      const sha256 = datasetDigest(await loadSessionDataset(request, { signal: this.signal }));
      const given = Object.fromEntries(Object.entries(how).filter(([, value]) => value !== undefined));
      needed.push({ name: datasetName(dataset), ...given, sha256 });
    }
    this.#known.set(key, needed);
    return needed;
  }
}
