/** A conformance case: a network, images and what every training step on them must give (docs/arithmetic.md, "vectors"). */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { readWhole } from '../files.js';
import { JsonObject } from './json-object.js';
import type { MethodName, Network } from './network.js';
import { parseJson, parseNetwork } from './network-file.js';
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
  /** 0..127, HWC, one image a step. */
  readonly images: readonly Uint8Array[];
  readonly steps: readonly CaseStep[];
}

/** Reads a case folder. Throws DataError that names file, key and value. */
export function loadCase(folder: string): ConformanceCase {
  const path = join(folder, 'case.json');
  const json = parseJson(readWhole(path), path);
  const network = parseNetwork(json, readWhole(join(folder, 'weights.bin')), path);
  const fields = new JsonObject(json, path);
  fields.oneOf('checksum', ['fnv1a32']);
  const method = fields.oneOf('method', ['priot', 'priot-s', 'niti-static', 'niti-dynamic'] as const);
  const steps = fields.array('steps').map((step, index) => parseStep(step, `${path}: step ${index}`, network));
  const edges = edgeCount(network);
  const imageLength = imageBytes(network);
  const images = readBytesFile(join(folder, 'images.bin'), steps.length * imageLength, 127);
  return {
    name: fields.name('name'),
    method,
    threshold: fields.integer('threshold', -128, 127),
    ...(method === 'niti-dynamic' ? { mu: fields.integer('mu', 1, 7) } : {}),
    network,
    scored: readBytesFile(join(folder, 'scored.bin'), edges, 1),
    stateInitial: readStateFile(join(folder, 'state-init.bin'), edges),
    stateFinal: readStateFile(join(folder, 'state-final.bin'), edges),
    images: steps.map((_, index) => images.subarray(index * imageLength, (index + 1) * imageLength)),
    steps,
  };
}

/** The case folders in a folder, sorted by name, or the folder itself when it is one. Throws DataError NO_CASES. */
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

function parseStep(json: unknown, place: string, network: Network): CaseStep {
  const fields = new JsonObject(json, place);
  const classes = outputCount(network);
  return {
    label: fields.integer('label', 0, classes - 1),
    logits: fields.integers('logits', classes, -INT32, INT32 - 1),
    lossGradient: fields.integers('loss_gradient', classes, -127, 127),
    layers: fields.array('layers', network.layers.length).map((layer, index) => {
      const checksums = new JsonObject(layer, `${place}: layer ${network.layers[index]!.name}`);
      return {
        input: checksums.integer('input', 0, UINT32_MAX),
        delta: checksums.integer('delta', 0, UINT32_MAX),
        state: checksums.integer('state', 0, UINT32_MAX),
      };
    }),
  };
}
