/** The cells of a sweep, completed and checked: what each trains, where its run folder is, and the digest that names it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { sha256 } from '../files.js';
import type { NetworkFile } from '../network/network-file.js';
import { complete, longName, record, valueIn, words } from '../options/option.js';
import { type TrainOptions, trainOptions } from '../options/train.js';
import { trainingOptions } from '../options/training.js';
import { readManifest } from '../runs/run-folder.js';
import type { FileChecksum } from '../runs/run-manifest.js';
import type { Parameters, Sweep, SweepCell } from '../sweep/sweep-file.js';
import type { CellResult } from '../sweep/sweep-table.js';
import { completeMethodRequest } from '../training/method-request.js';
import { InputCache } from './inputs.js';
import { networkChecksums } from './provenance.js';
import { trackOfCell, trackTargets } from './tracking.js';

/** A cell with what follows from it. */
export interface PlannedCell extends SweepCell {
  /** Its name: a digest of what is asked, so that it is found again whatever the file's order. */
  readonly digest: string;
  /** Its run folder, of that name. */
  readonly path: string;
  readonly options: TrainOptions;
  /** Arguments of the `priot train` that does the same. */
  readonly command: readonly string[];
}

/** What there is to do, before any of it is done. */
export interface SessionsEvent {
  readonly type: 'sessions';
  readonly sessions: number;
  readonly done: number;
  /** The devices, or the address of the queue. */
  readonly devices: readonly string[];
}

/** A cell that did not end, and why. */
export interface CellFailure {
  readonly cell: PlannedCell;
  readonly message: string;
}

/** What came of the cells of a sweep. */
export interface CellResults {
  readonly results: CellResult[];
  readonly failures: CellFailure[];
}

const DIGEST_DIGITS = 16;

/** A sweep has one network for thousands of cells. */
const knownChecksums = new WeakMap<NetworkFile, FileChecksum[]>();

function checksumsOf(file: NetworkFile): FileChecksum[] {
  const known = knownChecksums.get(file) ?? networkChecksums(file);
  knownChecksums.set(file, known);
  return known;
}

/** Checks every cell before any is run. @throws UsageError, DataError naming the cell's options */
export function planCells(
  { cells }: Sweep,
  folder: string,
  dataDir: string | undefined,
  track: readonly string[],
): PlannedCell[] {
  trackTargets(track, process.env);
  const cache = new InputCache();
  const planned = cells.map((cell) => {
    try {
      const given = optionsOf(cell.parameters);
      const settings: TrainOptions = { ...given, ...(dataDir === undefined ? {} : { dataDir }) };
      const digest = cellDigest(settings, cache.network(complete('train', trainOptions, settings).model));
      const options = track.length === 0 ? settings : { ...settings, track: trackOfCell(track, digest) };
      return { ...cell, digest, path: join(folder, digest), options, command: cellCommand(given) };
    } catch (error) {
      if (!(error instanceof UsageError) || error.code === 'UNKNOWN_PARAMETER') throw error;
      const said = Object.entries(cell.parameters).map(([name, value]) => `--${name}=${value}`);
      throw new UsageError(error.code, `${said.join(' ')}: ${error.message}`, error.remedy, { cause: error });
    }
  });
  return [...new Map(planned.map((cell) => [cell.path, cell])).values()];
}

/** Gives the arguments of the `priot train` that trains a cell. */
export function cellCommand(options: TrainOptions): string[] {
  return ['train', ...words(trainOptions, options)];
}

/** The values of a cell as train takes them. @throws UsageError UNKNOWN_PARAMETER, OPTION_REFUSED */
function optionsOf(parameters: Parameters): TrainOptions {
  const known = new Map(Object.entries(trainingOptions).map(([name, entry]) => [longName(name), { name, entry }]));
  const values = Object.entries(parameters).map(([parameter, scalar]) => {
    const option = known.get(parameter);
    if (option === undefined) {
      const there = `there are ${[...known.keys()].join(', ')}`;
      throw new UsageError('UNKNOWN_PARAMETER', `train has no parameter ${parameter}`, there);
    }
    return [option.name, valueIn(option.name, option.entry, scalar)];
  });
  return Object.fromEntries(values);
}

/** Digests everything that decides a session's numbers; where its data lies and on what it runs do not. */
export function cellDigest(options: TrainOptions, file: NetworkFile): string {
  const given = complete('train', trainOptions, options);
  const { model: _, ...request } = { ...record(trainingOptions, given), evalSamples: given.evalSamples ?? null };
  const whole = { ...request, ...completeMethodRequest(request, file.network) };
  const decisive = [Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)), checksumsOf(file)];
  return sha256(JSON.stringify(decisive)).slice(0, DIGEST_DIGITS);
}

/** Gives the result of a cell whose run folder is done; undefined: it is not. */
export function resultOf(cell: PlannedCell): CellResult | undefined {
  const summary = existsSync(join(cell.path, 'run.json')) ? readManifest(cell.path).summary : undefined;
  return summary && { cell, summary };
}
