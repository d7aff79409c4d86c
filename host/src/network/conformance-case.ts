/** A conformance case: a network, images and what every training step on them must give (docs/arithmetic.md, "vectors"). */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DataError, PriotError } from '../errors.js';
import { readWhole } from '../files.js';
import { type Check, complaintError, integer, integerIn, listOf, name, oneOf, optional, shape } from '../json-shape.js';
import type { MethodName, Network } from './network.js';
import { parseJson, parseNetwork, readTensors } from './network-file.js';
import { edgeCount, imageBytes, outputCount } from './network-shape.js';
import { readBytesFile, readStateFile } from './tensor-file.js';

const INT32 = 2 ** 31;
const UINT32_MAX = 2 ** 32 - 1;

/** FNV-1a 32 of a layer's tensors in one step. */
export interface LayerChecksums {
  readonly input: number;
  readonly delta: number;
  readonly state: number;
}

export interface CaseStep {
  readonly label: number;
  /** int32, of the last layer */
  readonly logits: readonly number[];
  /** int8, of the last layer */
  readonly lossGradient: readonly number[];
  /** First to last. */
  readonly layers: readonly LayerChecksums[];
}

export interface ConformanceCase {
  readonly name: string;
  readonly method: MethodName;
  readonly threshold: number;
  /** niti-dynamic */
  readonly mu?: number;
  readonly network: Network;
  /** 0 or 1 per edge, canonical order. */
  readonly scored: Uint8Array;
  /** Learned state before the first and after the last step, canonical order. */
  readonly stateInitial: Int8Array;
  readonly stateFinal: Int8Array;
  /** The images, 0..127, HWC, one per step. */
  readonly images: readonly Uint8Array[];
  readonly steps: readonly CaseStep[];
}

interface CaseJson {
  name: string;
  method: MethodName;
  threshold: number;
  mu?: number;
  checksum: 'fnv1a32';
  steps: StepJson[];
}

interface StepJson {
  label: number;
  logits: number[];
  loss_gradient: number[];
  layers: LayerChecksums[];
}

const uint32 = integerIn(0, UINT32_MAX);
const methods = oneOf<MethodName>('priot', 'priot-s', 'niti-static', 'niti-dynamic');

/** Checks what a case has beside its network. */
function caseCheck(network: Network): Check<CaseJson> {
  const classes = outputCount(network);
  const step = shape<StepJson>({
    label: integerIn(0, classes - 1),
    logits: listOf(integerIn(-INT32, INT32 - 1), classes),
    loss_gradient: listOf(integerIn(-127, 127), classes),
    layers: listOf(shape<LayerChecksums>({ input: uint32, delta: uint32, state: uint32 }), network.layers.length),
  });
  return shape<CaseJson>({
    name: name(64),
    method: methods,
    threshold: integerIn(-128, 127),
    mu: optional(integerIn(0, 7)),
    checksum: oneOf('fnv1a32'),
    steps: listOf(step),
  });
}

/** Reads a case folder. Throws DataError that names file, key and value. */
export function loadCase(folder: string): ConformanceCase {
  const path = join(folder, 'case.json');
  const json = parseJson(readWhole(path), path);
  const network = parseNetwork(json, readTensors(folder), path, 'case');
  const complaints = [...caseCheck(network)(json, '')];
  const { method, threshold, mu, steps, ...root } = json as CaseJson;
  if (complaints.length === 0 && method === 'niti-dynamic') complaints.push(...integer(mu, 'mu'));
  if (complaints.length === 0 && steps.length === 0) complaints.push('steps is []; there must be one at least');
  if (complaints.length > 0) throw complaintError('CASE_MALFORMED', path, complaints);
  const edges = edgeCount(network);
  const imageLength = imageBytes(network);
  const images = readBytesFile(join(folder, 'images.bin'), steps.length * imageLength, 127);
  return {
    name: root.name,
    method,
    threshold,
    ...(method === 'niti-dynamic' && mu !== undefined ? { mu } : {}),
    network,
    scored: readBytesFile(join(folder, 'scored.bin'), edges, 1),
    stateInitial: readStateFile(join(folder, 'state-init.bin'), edges),
    stateFinal: readStateFile(join(folder, 'state-final.bin'), edges),
    images: steps.map((_, index) => images.subarray(index * imageLength, (index + 1) * imageLength)),
    steps: steps.map(({ label, logits, loss_gradient, layers }) => ({
      ...{ label, logits, lossGradient: loss_gradient },
      layers: layers.map(({ input, delta, state }) => ({ input, delta, state })),
    })),
  };
}

/** A case whose files cannot be read, by the name of its folder. */
export interface UnreadableCase {
  readonly name: string;
  readonly error: PriotError;
}

/** Reads all cases of a folder; one that cannot be read does not hide the others. @throws DataError NO_CASES */
export function readCases(folder: string): (ConformanceCase | UnreadableCase)[] {
  return findCases(folder).map((path) => {
    try {
      return loadCase(path);
    } catch (error) {
      if (!(error instanceof PriotError)) throw error;
      return { name: basename(resolve(path)), error };
    }
  });
}

/**
 * Returns the case folders in a folder, sorted by name, or the folder itself when it is one. Throws DataError NO_CASES.
 */
export function findCases(folder: string): string[] {
  if (existsSync(join(folder, 'case.json'))) return [folder];
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new DataError(
      'NO_CASES',
      `cannot read the folder of cases ${folder}: ${(error as Error).message}`,
      undefined,
      {
        cause: error,
      },
    );
  }
  const cases = names
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, 'case.json')));
  if (cases.length === 0) {
    throw new DataError(
      'NO_CASES',
      `no conformance case in ${folder}`,
      `name a folder whose subfolders hold a case.json, as ${basename(resolve(folder))}/<case>/case.json`,
    );
  }
  return cases;
}
