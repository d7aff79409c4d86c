/** What a cell of a queue names, found on this machine: its network from the store, its data sets where they always are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { datasetNames } from '../dataset/dataset.js';
import { DataError, PriotError } from '../errors.js';
import { sha256 } from '../files.js';
import { networkFiles, pack, readFiles, unpack, writeFiles } from '../fleet/archive.js';
import { networkFolder } from '../fleet/localise.js';
import { jobIdOf } from '../fleet/needs.js';
import { checkJob, type FleetJob, isBaseName, type NeededData, parseRecord } from '../fleet/records.js';
import type { FleetStore } from '../fleet/store.js';
import type { NetworkFile } from '../network/network-file.js';
import { complete } from '../options/option.js';
import type { TrainOptions } from '../options/train.js';
import { trainingOptions } from '../options/training.js';
import type { InputCache } from './inputs.js';
import type { DatasetRequest } from './load-dataset.js';
import { cellDigest } from './sweep-cells.js';

/** A cell that was checked, with everything of it on this machine. */
export interface LocalCell {
  /** The options as they were asked for. */
  readonly asked: TrainOptions;
  /** The same with the paths of this machine. */
  readonly options: TrainOptions;
  readonly network: NetworkFile;
}

/** Where a worker keeps networks and looks for data sets of one's own. */
export interface WorkerFolders {
  readonly networks: string;
  readonly dataDir: string | undefined;
  /** It keeps the networks that were read last. */
  readonly inputs: InputCache;
}

/** Packs a network for the store; its digest names it there. */
export function packNetwork(file: NetworkFile): { digest: string; packed: Uint8Array } {
  const packed = pack(readFiles(networkFolder(file.path), networkFiles));
  return { digest: sha256(packed), packed };
}

/**
 * Gives the name under which a worker finds a data set: that of a known one, else the last part of its path.
 * @throws DataError JOB_MALFORMED when that is no name
 */
export function datasetName(path: string): string {
  if (isKnown(path)) return path;
  const name = path.split(/[/\\]/).findLast((part) => part !== '' && part !== '.');
  if (name === undefined || !isBaseName(name)) throw new DataError('JOB_MALFORMED', `${path} names no data set`);
  return name;
}

/**
 * Gives the request that reads a needed data set on this machine.
 * @throws DataError OWN_SET_MISSING for a set of one's own that is not in the worker's folder of data sets
 */
export function localRequest(needed: NeededData, dataDir: string | undefined): DatasetRequest {
  const { name, transpose, split, channels, labels } = needed;
  const dataset = localDataset(name, dataDir);
  const how = Object.entries({ dataDir, transpose, split, channels, labels }).filter(
    ([, value]) => value !== undefined,
  );
  return { dataset, ...Object.fromEntries(how) };
}

function localDataset(name: string, dataDir: string | undefined): string {
  if (isKnown(name)) return name;
  const folder = dataDir ?? process.env.PRIOT_DATA;
  const path = folder === undefined ? undefined : join(folder, name);
  if (path !== undefined && existsSync(path)) return path;
  throw new DataError(
    'OWN_SET_MISSING',
    `the data set ${name} is not there`,
    'put it into the folder of data sets, --data-dir, under this very name',
  );
}

function isKnown(name: string): boolean {
  return datasetNames.some((known) => known === name);
}

/**
 * Checks a job as a file would be, fetches its network, and finds its data sets. The digest of all that decides its numbers
 * must be the one it is named by.
 * @throws DataError JOB_MALFORMED, and what fetching the network throws
 */
export async function openJob(
  data: unknown,
  job: string,
  group: string,
  store: FleetStore,
  folders: WorkerFolders,
): Promise<LocalCell> {
  const { cell, options, network: digest } = parseRecord(checkJob, JSON.stringify(data) ?? '', `the cell ${job}`);
  if (jobIdOf(cell, group) !== job) throw new DataError('JOB_MALFORMED', `the cell ${job} says that it is ${cell}`);
  const asked = checkedOptions(options, job);
  const folder = join(folders.networks, digest);
  if (!existsSync(folder)) writeFiles(folder, unpack(await store.network(digest), networkFiles));
  const network = folders.inputs.network(folder);
  const found = cellDigest(asked, network);
  if (found !== cell) {
    throw new DataError('JOB_MALFORMED', `the cell ${job} would be ${found} here: its options or its network differ`);
  }
  const { dataDir } = folders;
  const { dataset, transferDir } = complete('train', trainingOptions, asked);
  return {
    asked,
    network,
    options: {
      ...asked,
      model: folder,
      dataset: localDataset(datasetName(dataset), dataDir),
      ...(transferDir !== undefined && { transferDir: localDataset(datasetName(transferDir), dataDir) }),
      ...(dataDir !== undefined && { dataDir }),
    },
  };
}

/** Checks the options of a job against the table. @throws DataError JOB_MALFORMED */
function checkedOptions(options: FleetJob['options'], job: string): TrainOptions {
  try {
    complete('train', trainingOptions, options);
    return options;
  } catch (cause) {
    if (!(cause instanceof PriotError)) throw cause;
    throw new DataError('JOB_MALFORMED', `the cell ${job}: ${cause.message}`, undefined, { cause });
  }
}
