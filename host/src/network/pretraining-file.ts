/** What an interrupted pretraining leaves beside the folder it was to make: OUT.pretraining.json, all it needs to go on. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DataError } from '../errors.js';
import { makeFolder, readWhole, replaceFile } from '../files.js';
import { anything, type Check, complaintError, count, must, object, oneOf, shape } from '../json-shape.js';
import type { PretrainingState } from './pretraining.js';

/** An interrupted pretraining. */
export interface SavedPretraining {
  /** The options of `priot pretrain`, as given. */
  readonly asked: Readonly<Record<string, unknown>>;
  /** The document of the architecture's file. */
  readonly architecture: unknown;
  /** SHA-256 of the data files, by name. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly state: PretrainingState;
}

interface PretrainingJson {
  version: 1;
  asked: Readonly<Record<string, unknown>>;
  architecture: unknown;
  data: Readonly<Record<string, unknown>>;
  epoch: number;
  images: number;
  correct: number;
  /** int8, canonical order, base64 */
  weights: string;
}

const base64 = must<string>(
  'base64',
  (value) => typeof value === 'string' && value.length % 4 === 0 && /^[\w+/]*={0,2}$/.test(value),
);
const check: Check<PretrainingJson> = shape<PretrainingJson>({
  version: oneOf(1),
  asked: object,
  architecture: anything,
  data: object,
  epoch: count,
  images: count,
  correct: count,
  weights: base64,
});

/** Returns where the pretraining of the folder `out` is kept. */
export function pretrainingPath(out: string): string {
  return `${out.replace(/[/\\]+$/, '')}.pretraining.json`;
}

/** Saves a pretraining, which replaces the one saved before. @throws CapacityError DISK_FULL; DataError of the file system */
export function savePretraining(out: string, { asked, architecture, data, state }: SavedPretraining): void {
  const path = pretrainingPath(out);
  const { epoch, images, correct, weights } = state;
  const json: PretrainingJson = {
    ...{ version: 1, asked, architecture, data, epoch, images, correct },
    weights: Buffer.from(weights.buffer, weights.byteOffset, weights.length).toString('base64'),
  };
  makeFolder(dirname(path));
  replaceFile(path, [Buffer.from(`${JSON.stringify(json)}\n`)], 'make room and run the command again');
}

/** Reads what `savePretraining` wrote. @throws DataError PRETRAINING_MISSING, PRETRAINING_MALFORMED */
export function loadPretraining(out: string): SavedPretraining {
  const path = pretrainingPath(out);
  const bytes = readSaved(path, out);
  const remedy = `begin anew: remove ${path} and leave --resume out`;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new DataError('PRETRAINING_MALFORMED', `${path}: is no JSON`, remedy, { cause });
  }
  const complaints = check(json, '');
  if (complaints.length > 0) throw complaintError('PRETRAINING_MALFORMED', path, complaints, remedy);
  const { asked, architecture, data, weights, epoch, images, correct } = json as PretrainingJson;
  const state = { epoch, images, correct, weights: new Int8Array(Buffer.from(weights, 'base64')) };
  return { asked, architecture, data, state };
}

/** Removes what `savePretraining` wrote, once its network is. */
export function removePretraining(out: string): void {
  rmSync(pretrainingPath(out), { force: true });
}

function readSaved(path: string, out: string): Uint8Array {
  try {
    return readWhole(path);
  } catch (cause) {
    if (!(cause instanceof DataError && cause.code === 'FILE_MISSING')) throw cause;
    throw new DataError(
      'PRETRAINING_MISSING',
      `there is no interrupted pretraining of ${out}: no file ${path}`,
      'give the --out of the pretraining that was interrupted',
      { cause },
    );
  }
}
