/**
 * What stands in the queue's store, and the checks it passes before anything is done with it: whoever can write to the store
 * may have written anything.
 */
import { type Place, places } from '../device/place.js';
import { DataError } from '../errors.js';
import {
  amount,
  type Check,
  closedShape,
  complaintError,
  count,
  flag,
  hexadecimal,
  listOf,
  must,
  name,
  nullable,
  object,
  oneOf,
  optional,
  shape,
  timestamp,
} from '../json-shape.js';

/** Most characters of a record: one cell, one worker, one group of cells. */
const MAX_RECORD = 64 * 1024;
/** Most bytes of what a record points at: a network, or a run folder, compressed. */
export const MAX_BLOB_BYTES = 64 * 1024 * 1024;

/** Bytes that lie in the store beside their record. */
export interface BlobReference {
  /** Names them: 32 hexadecimal digits. */
  readonly blob: string;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

/** What a worker must have to take cells: those that need the same are a group, which is a queue of BullMQ. */
export interface Needs {
  readonly version: 1;
  /** The version of priot. */
  readonly priot: string;
  /** SHA-256 of the simulator's module, and of the image for boards and emulator. */
  readonly firmware: { readonly simulator: string; readonly image: string };
  /** The data sets, each by the digest of its files' checksums. */
  readonly data: readonly NeededData[];
  readonly place?: Place | undefined;
  /** The board's id, 16 hexadecimal digits. */
  readonly board?: string | undefined;
  readonly label?: string | undefined;
  /** Bytes of the device's arena. */
  readonly memory?: number | undefined;
}

/** A data set that cells need, and how it is read. */
export interface NeededData {
  /** The name of a set, or the last part of the path of one's own. */
  readonly name: string;
  readonly transpose?: boolean | undefined;
  readonly split?: number | undefined;
  readonly channels?: 1 | 3 | undefined;
  readonly labels?: 'fine' | 'coarse' | undefined;
  /** SHA-256 over names and checksums of its files. */
  readonly sha256: string;
}

/** A cell as BullMQ carries it. */
export interface FleetJob {
  readonly version: 1;
  /** Digest of what decides its numbers: 16 hexadecimal digits. */
  readonly cell: string;
  /** Options of train, by their names in the library. */
  readonly options: Readonly<Record<string, unknown>>;
  /** SHA-256 of the packed network. */
  readonly network: string;
}

/** A run that is done. */
export interface ResultRecord extends BlobReference {
  readonly worker: string;
  readonly device: string;
  readonly boardId: string;
  readonly place: Place;
  readonly stateDigest: string;
  /** Seconds from taking the cell, this time, to its end. */
  readonly seconds: number;
  readonly at: string;
}

/** The last checkpoint of a run that is under way or was left. */
export interface CheckpointRecord extends BlobReference {
  readonly worker: string;
  readonly nextStep: number;
  readonly place: Place;
  readonly at: string;
}

/** Why a cell did not end. */
export interface FailureRecord {
  readonly message: string;
  readonly worker: string;
  readonly device: string;
  /** Times it was tried. */
  readonly tries: number;
  /** It is not tried again by itself. */
  readonly final: boolean;
  readonly at: string;
}

/** A device of a worker. */
export interface BoardRecord {
  readonly device: string;
  readonly state: 'opening' | 'idle' | 'training' | 'lost';
  /** What is wrong with one that is lost. */
  readonly cause?: string | undefined;
  readonly place?: Place | undefined;
  readonly boardId?: string | undefined;
  readonly memoryBytes?: number | undefined;
  readonly firmwareCommit?: string | undefined;
  /** Its firmware is that of the worker's package; null: the host loads it. */
  readonly ownFirmware?: boolean | null | undefined;
  /** The cell under way. */
  readonly job?: string | undefined;
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
}

/** A worker as it tells of itself. */
export interface WorkerRecord {
  readonly version: 1;
  readonly id: string;
  readonly host: string;
  readonly priot: string;
  readonly firmware: Needs['firmware'];
  readonly labels: readonly string[];
  readonly boards: readonly BoardRecord[];
  /** Groups it takes nothing of, for what only it can know: data that is not there, or is another. */
  readonly refusals: readonly { readonly group: string; readonly why: string }[];
}

const place = oneOf<Place>(...places);
/** A list that is only read. */
const list = <T>(check: Check<T>): Check<readonly T[]> => listOf(check) as unknown as Check<readonly T[]>;
const longText = must<string>(
  'text of at most 4,096 characters',
  (value) => typeof value === 'string' && value.length <= 4096,
);
const baseName = must<string>('a name without / and \\', (value) => typeof value === 'string' && isBaseName(value));
export const jobIdPattern = /^[0-9a-f]{16}-[0-9a-f]{16}$/;
const jobId = must<string>('the id of a cell', (value) => typeof value === 'string' && jobIdPattern.test(value));
const blobFields = {
  blob: hexadecimal(16),
  bytes: must<number>(
    `a number of bytes up to ${MAX_BLOB_BYTES}`,
    (value) => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= MAX_BLOB_BYTES,
  ),
  sha256: hexadecimal(32),
};
const firmware = closedShape<Needs['firmware']>({ simulator: hexadecimal(32), image: hexadecimal(32) });

export const checkNeeds = closedShape<Needs>({
  version: oneOf(1),
  priot: name(64),
  firmware,
  data: list(
    closedShape<NeededData>({
      name: baseName,
      transpose: optional(flag),
      split: optional(amount),
      channels: optional(oneOf(1, 3)),
      labels: optional(oneOf('fine', 'coarse')),
      sha256: hexadecimal(32),
    }),
  ),
  place: optional(place),
  board: optional(hexadecimal(8)),
  label: optional(name(64)),
  memory: optional(count),
});

export const checkJob = closedShape<FleetJob>({
  version: oneOf(1),
  cell: hexadecimal(8),
  options: object,
  network: hexadecimal(32),
});

export const checkBlob = shape<BlobReference>(blobFields);

export const checkResult = shape<ResultRecord>({
  ...blobFields,
  worker: name(256),
  device: name(4096),
  boardId: hexadecimal(8),
  place,
  stateDigest: hexadecimal(32),
  seconds: amount,
  at: timestamp,
});

export const checkCheckpoint = shape<CheckpointRecord>({
  ...blobFields,
  worker: name(256),
  nextStep: count,
  place,
  at: timestamp,
});

export const checkFailure = shape<FailureRecord>({
  message: longText,
  worker: name(256),
  device: name(4096),
  tries: count,
  final: flag,
  at: timestamp,
});

export const checkWorker = shape<WorkerRecord>({
  version: oneOf(1),
  id: name(256),
  host: name(256),
  priot: name(64),
  firmware,
  labels: list(name(64)),
  boards: list(
    shape<BoardRecord>({
      device: name(4096),
      state: oneOf('opening', 'idle', 'training', 'lost'),
      cause: optional(longText),
      place: optional(place),
      boardId: optional(hexadecimal(8)),
      memoryBytes: optional(count),
      firmwareCommit: optional(longText),
      ownFirmware: optional(nullable(flag)),
      job: optional(jobId),
      step: optional(count),
      steps: optional(count),
    }),
  ),
  refusals: list(shape<WorkerRecord['refusals'][number]>({ group: hexadecimal(8), why: longText })),
});

/** Tells whether a text names a file or folder within another one, and leads nowhere else. */
export function isBaseName(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be in a name
  return text.length > 0 && text.length <= 255 && !/^\.{1,2}$/.test(text) && !/[/\\\u0000-\u001f]/.test(text);
}

/**
 * Parses a record of the store.
 * @param what names it in messages
 * @throws DataError RECORD_MALFORMED listing all that is wrong
 */
export function parseRecord<T>(check: Check<T>, json: string, what: string): T {
  const remedy = 'who else writes to this Redis? see docs/fleet.md, "Threats"';
  if (json.length > MAX_RECORD) {
    throw new DataError('RECORD_MALFORMED', `${what} has ${json.length} characters, more than ${MAX_RECORD}`, remedy);
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new DataError('RECORD_MALFORMED', `${what} is no JSON`, remedy, { cause });
  }
  const complaints = check(value, '');
  if (complaints.length > 0) throw complaintError('RECORD_MALFORMED', what, complaints, remedy);
  return value as T;
}
