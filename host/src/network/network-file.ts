/**
 * Network folders: network.json (or a conformance case's case.json, which has the same keys), weights.bin, and bias.bin
 * where a layer has biases (docs/networks.md).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { readWhole } from '../files.js';
import { anything, closedShape, type Fields, integerIn, listOf, optional, shape } from '../json-shape.js';
import { hintForKey } from './layer-hints.js';
import { type LayersJson, layerToJson, parseLayeredDocument } from './layer-json.js';
import { shapeCheck } from './layer-keys.js';
import { limits } from './limits.js';
import type { Network, NetworkLayer } from './network.js';
import { biasCount, edgeCount, layerBiases, layerOffsets } from './network-shape.js';
import { biasesOf } from './tensor-file.js';

/** An image enters as pixel >> 1 with this exponent (docs/arithmetic.md, "Tensors and layouts"). */
export const INPUT_EXPONENT = -7;
/** The loss gradient's shift where a file says nothing else (docs/arithmetic.md, "Loss gradient"). */
export const LOSS_SHIFT = 4;

/** A network and what its folder says about it. */
export interface NetworkFile {
  readonly network: Network;
  /** The path of network.json or case.json. */
  readonly path: string;
  /** Bytes of the files, for checksums. */
  readonly json: Uint8Array;
  readonly weights: Uint8Array;
  /** The bytes of bias.bin; absent when no layer has a bias. */
  readonly biases?: Uint8Array;
}

interface NetworkJson extends LayersJson {
  name?: unknown;
  provenance?: unknown;
  input_exponent?: number;
  loss_shift?: number;
}

const fields: Fields<NetworkJson> = {
  name: anything,
  provenance: anything,
  input_shape: optional(shapeCheck),
  input_exponent: optional(integerIn(-limits.exponent, limits.exponent)),
  loss_shift: optional(integerIn(0, limits.shift)),
  layers: listOf(anything),
};
const checkNetwork = closedShape(fields, (key) => hintForKey(key, 'network'));
const checkCase = shape(fields);

/** The bytes beside the JSON of a network. */
export interface NetworkTensors {
  readonly weights: Uint8Array;
  /** bias.bin: int16, little-endian, of the layers that have biases. */
  readonly biases?: Uint8Array | undefined;
}

/**
 * Parses the network keys of network.json or case.json and checks weights and biases against them.
 * @param file names the JSON file in errors
 * @param kind of a conformance case other keys are let through; in a network they are refused
 * @throws DataError NETWORK_MALFORMED, WEIGHTS_MALFORMED, BIASES_MALFORMED
 */
export function parseNetwork(
  json: unknown,
  tensors: NetworkTensors,
  file = 'network.json',
  kind: 'network' | 'case' = 'network',
): Network {
  const { layers, ...numbers } = parseNetworkLayers(json, file, kind);
  checkWeights(tensors.weights, layers);
  const { buffer, byteOffset, length } = tensors.weights;
  const weights = new Int8Array(buffer, byteOffset, length);
  const biases = parseBiases(tensors.biases, layers);
  return { ...numbers, layers, weights, ...(biases && { biases }) };
}

/** Parses the network keys alone; see parseNetwork. @throws DataError NETWORK_MALFORMED */
export function parseNetworkLayers(
  json: unknown,
  file = 'network.json',
  kind: 'network' | 'case' = 'network',
): Omit<Network, 'weights' | 'biases'> {
  const check = kind === 'case' ? checkCase : checkNetwork;
  const { root, layers } = parseLayeredDocument(json, check, 'network', file);
  return { inputExponent: root.input_exponent ?? INPUT_EXPONENT, lossShift: root.loss_shift ?? LOSS_SHIFT, layers };
}

/** Returns the network keys of network.json; parseNetwork reads them back to an equal network. */
export function networkToJson(network: Omit<Network, 'weights'>): Record<string, unknown> {
  return {
    input_exponent: network.inputExponent,
    loss_shift: network.lossShift,
    layers: network.layers.map(layerToJson),
  };
}

/** Reads a folder with network.json (or else case.json), weights.bin and, where a layer has biases, bias.bin. Throws DataError. */
export function loadNetwork(folder: string): NetworkFile {
  const casePath = join(folder, 'case.json');
  const networkPath = join(folder, 'network.json');
  const isCase = existsSync(casePath) && !existsSync(networkPath);
  const path = isCase ? casePath : networkPath;
  const remedy = 'name the folder of a network with --model';
  const json = readWhole(path, remedy);
  const tensors = readTensors(folder, remedy);
  const network = parseNetwork(parseJson(json, path), tensors, path, isCase ? 'case' : 'network');
  return { network, path, json, ...tensors };
}

/** Reads weights.bin and, if it is there, bias.bin. @throws DataError FILE_MISSING, FILE_UNREADABLE */
export function readTensors(folder: string, remedy?: string): { weights: Uint8Array; biases?: Uint8Array } {
  const weights = readWhole(join(folder, 'weights.bin'), remedy);
  const biases = join(folder, 'bias.bin');
  return existsSync(biases) ? { weights, biases: readWhole(biases) } : { weights };
}

/** Parses the bytes of a JSON file. Throws DataError NETWORK_MALFORMED. */
export function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataError('NETWORK_MALFORMED', `${path}: is no JSON: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
}

function checkWeights(weights: Uint8Array, layers: readonly NetworkLayer[]): void {
  const edges = edgeCount({ layers });
  if (weights.length !== edges) {
    throw new DataError(
      'WEIGHTS_MALFORMED',
      `weights.bin has ${weights.length} bytes; the layers have ${edges} edges, a byte each`,
    );
  }
  const lowest = weights.indexOf(0x80);
  if (lowest < 0) return;
  const offsets = layerOffsets({ layers });
  const index = offsets.findLastIndex((offset) => offset <= lowest);
  throw new DataError(
    'WEIGHTS_MALFORMED',
    `weights.bin: layer ${layers[index]!.name}, edge ${lowest - offsets[index]!} is -128; weights must be in -127..127`,
  );
}

/** Returns undefined when no layer has a bias. @throws DataError BIASES_MALFORMED */
function parseBiases(bytes: Uint8Array | undefined, layers: readonly NetworkLayer[]): Int16Array | undefined {
  const count = biasCount({ layers });
  const malformed = (complaint: string) =>
    new DataError(
      'BIASES_MALFORMED',
      complaint,
      'bias.bin is int16, little-endian, of the layers with a bias_exponent',
    );
  if (count === 0) {
    if (bytes !== undefined) throw malformed('there is a bias.bin, but no layer has a bias_exponent');
    return undefined;
  }
  if (bytes?.length !== 2 * count) {
    const found = bytes === undefined ? 'bias.bin is missing' : `bias.bin has ${bytes.length} bytes`;
    throw malformed(`${found}; the layers have ${count} biases, two bytes each`);
  }
  const biases = biasesOf(bytes);
  let lowest = biases.indexOf(-32_768);
  if (lowest < 0) return biases;
  for (const layer of layers) {
    if (lowest < layerBiases(layer)) {
      throw malformed(`bias.bin: layer ${layer.name}, channel ${lowest} is -32768; biases must be in -32767..32767`);
    }
    lowest -= layerBiases(layer);
  }
  return biases;
}
