/** run.json: what was asked of a run, on what it ran, and, once it is done, its result. Types and the one reader. */

import type { Place } from '../device/place.js';
import { DataError } from '../errors.js';
import {
  amount,
  complaintError,
  count,
  flag,
  fraction,
  hexadecimal,
  listOf,
  nullable,
  oneOf,
  optional,
  shape,
  text,
  timestamp,
} from '../json-shape.js';
import type { MethodName } from '../network/network.js';
import { recordedChecks } from '../options/option.js';
import { type MethodOptionName, type RecordedTraining, trainingOptions } from '../options/training.js';
import type { Distribution } from '../statistics.js';

/**
 * What was asked: with the provenance, enough to repeat the run exactly (`priot train --from-run`). The table of options
 * says what each means; those that were left out and follow from the method are filled in.
 */
export type RunRequest = Omit<RecordedTraining, 'evalSamples'> & {
  /** Test images after each epoch; null: the default, with the whole set once at the end. */
  evalSamples: number | null;
  /** The folder as given; absent when the data set came from elsewhere. */
  dataDir?: string;
  /** The device as given, or what was chosen when it was left out. */
  device: string;
  /** The device keeps a checkpoint of its own. */
  deviceCheckpoint?: boolean;
};

/** The method and its options. */
export type MethodRequest = Pick<RunRequest, 'method' | MethodOptionName>;

/** A file by its SHA-256, lower-case hexadecimal, over decompressed bytes. */
export interface FileChecksum {
  name: string;
  sha256: string;
}

/** What a run ran on. */
export interface RunProvenance {
  /** Versions of priot and Node, and `linux x64` or the like. */
  host: { priot: string; node: string; system: string };
  firmware: {
    commit: string;
    compiler: string;
    flags: string;
    /**
     * SHA-256 of the image the host loaded (UF2 or WebAssembly); null for a board, whose flash the host does not read.
     */
    imageSha256: string | null;
  };
  device: {
    kind: 'serial' | 'emulator' | 'simulator';
    name: string;
    /** 8 bytes, hexadecimal. */
    boardId: string;
    /** Hz; null without a cycle counter. */
    clockHz: number | null;
    /** USB serial number, where there is one. */
    serialNumber?: string;
    /** Emulator and its version: `rp2040js 1.4.1`. */
    emulator?: string;
  };
  /** `folder`: where it lay, as an absolute path; the run may be repeated from another working directory. */
  network: { files: FileChecksum[]; folder?: string };
  dataset: {
    source: string;
    files: FileChecksum[];
    /** The rule by which images were rotated (dataset/rotation.ts); absent: 1. */
    rotation?: number;
    /** The names of the classes, by label; absent: numbers. */
    classNames?: string[];
  };
  /** The images of --transfer-dir, on which the run trained and was tested; absent: those of the data set. */
  transfer?: { source: string; files: FileChecksum[] };
  /** 8 bytes, hexadecimal: digest of network, shifts, method, seed and initial state. */
  sessionId: string;
}

/** Compute cycles of the training steps. */
export type CycleStatistics = Distribution;

/** The result: what `priot train --json` prints. */
export interface RunSummary {
  /** Path of the run folder, as given. */
  run: string;
  place: Place;
  method: MethodName;
  steps: number;
  /**
   * 0..1. `before`: the frozen network; `after`: the last epoch; both on the first `images` test images. `best`: the best
   * epoch on the first `bestImages`, chosen on test data. `initial`: with the initial scores, on the same `bestImages`; null
   * for methods that begin with the frozen network. Runs of an older priot have the first three alone.
   */
  accuracy: {
    before: number;
    after: number;
    best: number;
    images?: number;
    bestImages?: number;
    initial?: number | null;
    /**
     * Accuracies on the first `images` test images without any shift, before and after: their difference is what was
     * forgotten. null when the images are not shifted, or it was not asked for.
     */
    source?: { before: number; after: number; images: number } | null;
  };
  /** SHA-256 of the learned state, one byte per edge, hexadecimal. */
  stateDigest: string;
  /** null without a cycle counter. */
  cyclesPerStep: CycleStatistics | null;
  /** 0..1 of the device's time spent waiting for the host; null without a cycle counter. */
  deviceIdleShare: number | null;
  /** Seconds of this computer, evaluation included, over all parts of the run. */
  wallSeconds: number;
  /** Seconds of the device that its training steps computed, without messages and waiting; null without a cycle counter. */
  computeSeconds?: number | null;
  /** The device's seconds with messages and waiting. */
  deviceSeconds?: number | null;
  /** The device's own checkpoint, as saved last: before which step, and how many saves the board has had. */
  deviceCheckpoint?: { nextStep: number; sequence: number };
}

export interface RunManifest {
  version: 1;
  /** Arguments of the command line, without node and script. */
  command: string[];
  /** ISO 8601, UTC. */
  createdAt: string;
  asked: RunRequest;
  provenance: RunProvenance;
  place: Place;
  /** The step before the first one of this run, and the device's checkpoint that had it; absent: begun at step 0. */
  begunAt?: { step: number; sequence: number };
  /** The result; absent until the run is done. */
  summary?: RunSummary;
}

const place = oneOf<Place>('hardware', 'emulated', 'simulated');
const method = oneOf<MethodName>('priot', 'priot-s', 'niti-static', 'niti-dynamic');
const files = listOf(shape<FileChecksum>({ name: text, sha256: hexadecimal(32) }));

const checkRequest = shape<RunRequest>({
  ...recordedChecks(trainingOptions),
  evalSamples: nullable(count),
  dataDir: optional(text),
  device: text,
  deviceCheckpoint: optional(flag),
});

const checkProvenance = shape<RunProvenance>({
  host: shape<RunProvenance['host']>({ priot: text, node: text, system: text }),
  firmware: shape<RunProvenance['firmware']>({
    commit: text,
    compiler: text,
    flags: text,
    imageSha256: nullable(hexadecimal(32)),
  }),
  device: shape<RunProvenance['device']>({
    kind: oneOf('serial', 'emulator', 'simulator'),
    name: text,
    boardId: hexadecimal(8),
    clockHz: nullable(count),
    serialNumber: optional(text),
    emulator: optional(text),
  }),
  network: shape<RunProvenance['network']>({ files, folder: optional(text) }),
  dataset: shape<RunProvenance['dataset']>({
    source: text,
    files,
    rotation: optional(count),
    classNames: optional(listOf(text)),
  }),
  transfer: optional(shape<{ source: string; files: FileChecksum[] }>({ source: text, files })),
  sessionId: hexadecimal(8),
});

const checkSummary = shape<RunSummary>({
  run: text,
  place,
  method,
  steps: count,
  accuracy: shape<RunSummary['accuracy']>({
    before: fraction,
    after: fraction,
    best: fraction,
    images: optional(count),
    bestImages: optional(count),
    initial: optional(nullable(fraction)),
    source: optional(
      nullable(
        shape<{ before: number; after: number; images: number }>({ before: fraction, after: fraction, images: count }),
      ),
    ),
  }),
  stateDigest: hexadecimal(32),
  cyclesPerStep: nullable(shape<CycleStatistics>({ mean: amount, median: amount, min: amount, max: amount })),
  deviceIdleShare: nullable(fraction),
  wallSeconds: amount,
  computeSeconds: optional(nullable(amount)),
  deviceSeconds: optional(nullable(amount)),
  deviceCheckpoint: optional(shape<{ nextStep: number; sequence: number }>({ nextStep: count, sequence: count })),
});

const checkManifest = shape<RunManifest>({
  version: oneOf(1),
  command: listOf(text),
  createdAt: timestamp,
  asked: checkRequest,
  provenance: checkProvenance,
  place,
  begunAt: optional(shape<{ step: number; sequence: number }>({ step: count, sequence: count })),
  summary: optional(checkSummary),
});

/**
 * Reads the text of a run.json. `path` is for messages.
 * @throws DataError RUN_MALFORMED naming the field, RUN_VERSION for a file of another version
 */
export function parseManifest(json: string, path: string): RunManifest {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (cause) {
    throw new DataError('RUN_MALFORMED', `${path} is not JSON`, 'was this folder made by `priot train`?', { cause });
  }
  const version = (document as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version !== 1) {
    throw new DataError('RUN_VERSION', `${path} has version ${version}, this priot reads version 1`, 'update priot');
  }
  const complaints = checkManifest(document, '');
  if (complaints.length > 0) {
    throw complaintError('RUN_MALFORMED', path, complaints, 'was this folder made by `priot train`?');
  }
  return document as RunManifest;
}

/** Writes the text of a run.json. */
export function formatManifest(manifest: RunManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
