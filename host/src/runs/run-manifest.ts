/** run.json: what was asked of a run, on what it ran, and, once it is done, its result. Types and the one reader. */

import type { Place } from '../device/place.js';
import { DataError } from '../errors.js';
import {
  amount,
  complaintText,
  count,
  finite,
  flag,
  fraction,
  hexadecimal,
  integer,
  listOf,
  nullable,
  oneOf,
  optional,
  shape,
  text,
  timestamp,
} from '../json-shape.js';
import type { MethodName } from '../network/network.js';

/** Images that the static shifts are chosen on: none (the shifts of the network's file), upright ones, or rotated ones. */
export type CalibrationSource = 'none' | 'source' | 'transfer';
/** PRIOT-S: edges of largest |W|, or random ones. */
export type EdgeSelection = 'magnitude' | 'random';
/** What accuracies are measured on: the test images, or training images that are held out. */
export type EvalSet = 'test' | 'held-out';

/** The method and its options; which method has which is in training/method-request.ts. */
export interface MethodRequest {
  method: MethodName;
  /** RULE or RULE:LAYER[,LAYER…] of `--below-threshold`; absent: as the network's file has it. */
  belowThreshold?: string;
  /** Edges whose score is below are pruned. -128..127 */
  threshold?: number;
  calibrate?: CalibrationSource;
  /** Bit width of a step, 0..7; absent with the shifts of the network's file. */
  mu?: number;
  /** Epochs after each of which steps are a bit narrower, as 16,24. */
  narrow?: string;
  /** What calibration adds to the last layer's error shift and to the first layer's score shift; absent: -3 and 2. */
  lastErrorCorrection?: number;
  firstScoreCorrection?: number;
  select?: EdgeSelection;
  /** Share of scored edges, permille; absent once the budget says it layer by layer. */
  scored?: number;
  /** `auto`, `uniform` or LAYER=FRACTION,… */
  budget?: string;
}

/** What was asked: with the provenance, enough to repeat the run exactly (`priot train --from-run`). */
export interface RunRequest extends MethodRequest {
  /** Folder or name of the network, as given. */
  model: string;
  dataset: string;
  /** As given; absent when the data set came from elsewhere. */
  dataDir?: string;
  /** Degrees. */
  angle: number;
  /** Training images an epoch. */
  samples: number;
  epochs: number;
  seed: number;
  /** Test images after each epoch; null: the default, with the whole set once at the end. */
  evalSamples: number | null;
  /** Epochs from one evaluation to the next; absent: 1. */
  evalEvery?: number;
  /** Absent: the test images. */
  evalSet?: EvalSet;
  /** Most bytes of the device's arena to plan with; absent: all there are. */
  memory?: number;
  /** As given, or what was chosen when it was left out. */
  device: string;
  /** The device keeps a checkpoint of its own. */
  deviceCheckpoint?: boolean;
}

/** A file by its SHA-256, lower-case hexadecimal, over decompressed bytes. */
export interface FileChecksum {
  name: string;
  sha256: string;
}

/** On what a run ran. */
export interface RunProvenance {
  /** Versions of priot and Node, and `linux x64` or the like. */
  host: { priot: string; node: string; system: string };
  firmware: {
    commit: string;
    compiler: string;
    flags: string;
    /** Of the image the host loaded (UF2 or WebAssembly); null for a board, whose flash the host does not read. */
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
  network: { files: FileChecksum[] };
  /** `rotation`: the rule by which images were rotated (dataset/rotation.ts); absent: 1. */
  dataset: { source: string; files: FileChecksum[]; rotation?: number };
  /** 8 bytes, hexadecimal: digest of network, shifts, method, seed and initial state. */
  sessionId: string;
}

/** Compute cycles of the training steps. */
export interface CycleStatistics {
  mean: number;
  median: number;
  min: number;
  max: number;
}

/** The result: what `priot train --json` prints. */
export interface RunSummary {
  /** Path of the run folder, as given. */
  run: string;
  place: Place;
  method: MethodName;
  steps: number;
  /** 0..1. `before`: frozen network; `after`: last epoch, same images; `best` is chosen on test data. */
  accuracy: { before: number; after: number; best: number };
  /** SHA-256 of the learned state, one byte an edge, hexadecimal. */
  stateDigest: string;
  /** null without a cycle counter. */
  cyclesPerStep: CycleStatistics | null;
  /** 0..1 of the device's time spent waiting for the host; null without a cycle counter. */
  deviceIdleShare: number | null;
  wallSeconds: number;
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
  /** Absent until the run is done. */
  summary?: RunSummary;
}

const place = oneOf<Place>('hardware', 'emulated', 'simulated');
const method = oneOf<MethodName>('priot', 'priot-s', 'niti-static', 'niti-dynamic');
const files = listOf(shape<FileChecksum>({ name: text, sha256: hexadecimal(32) }));

const checkRequest = shape<RunRequest>({
  model: text,
  dataset: text,
  dataDir: optional(text),
  angle: finite,
  method,
  belowThreshold: optional(text),
  threshold: optional(integer),
  calibrate: optional(oneOf<CalibrationSource>('none', 'source', 'transfer')),
  mu: optional(count),
  narrow: optional(text),
  lastErrorCorrection: optional(integer),
  firstScoreCorrection: optional(integer),
  select: optional(oneOf<EdgeSelection>('magnitude', 'random')),
  scored: optional(count),
  budget: optional(text),
  samples: count,
  epochs: count,
  seed: integer,
  evalSamples: nullable(count),
  evalEvery: optional(count),
  memory: optional(count),
  evalSet: optional(oneOf<EvalSet>('test', 'held-out')),
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
  network: shape<RunProvenance['network']>({ files }),
  dataset: shape<RunProvenance['dataset']>({ source: text, files, rotation: optional(count) }),
  sessionId: hexadecimal(8),
});

const checkSummary = shape<RunSummary>({
  run: text,
  place,
  method,
  steps: count,
  accuracy: shape<RunSummary['accuracy']>({ before: fraction, after: fraction, best: fraction }),
  stateDigest: hexadecimal(32),
  cyclesPerStep: nullable(shape<CycleStatistics>({ mean: amount, median: amount, min: amount, max: amount })),
  deviceIdleShare: nullable(fraction),
  wallSeconds: amount,
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
    throw new DataError('RUN_MALFORMED', complaintText(path, complaints), 'was this folder made by `priot train`?');
  }
  return document as RunManifest;
}

/** The text of a run.json. */
export function formatManifest(manifest: RunManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
