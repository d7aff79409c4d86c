/**
 * Network files: network.json (or a conformance case's case.json, which has the same keys) and weights.bin
 * (docs/arithmetic.md, "vectors").
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { readWhole } from '../files.js';
import { JsonObject } from './json-object.js';
import type { Conv2dLayer, LayerShifts, LinearLayer, Network, NetworkLayer } from './network.js';
import { edgeCount, inputShape, layerEdges, layerOffsets, mapShape, outputShape } from './network-shape.js';

const MAX_SIDE = 255;
const MAX_FEATURES = 65535;
const MAX_EDGES = 1 << 20;
const MAX_SHIFT = 30;
const MAX_EXPONENT = 31;

/** A network and what its folder says about it. */
export interface NetworkFile {
  readonly network: Network;
  /** The path of network.json or case.json. */
  readonly path: string;
  /** Bytes of both files, for checksums. */
  readonly json: Uint8Array;
  readonly weights: Uint8Array;
}

/**
 * Parses the network keys of network.json or case.json and checks the weights against them.
 * Other keys are left alone. `file` names the JSON file in errors.
 * Throws DataError NETWORK_MALFORMED or WEIGHTS_MALFORMED.
 */
export function parseNetwork(json: unknown, weights: Uint8Array, file = 'network.json'): Network {
  const root = new JsonObject(json, file);
  const inputExponent = root.integer('input_exponent', -MAX_EXPONENT, MAX_EXPONENT);
  const lossShift = root.integer('loss_shift', 0, MAX_SHIFT);
  const layers: NetworkLayer[] = [];
  for (const [index, value] of root.array('layers').entries()) {
    const name = new JsonObject(value, `${file}: layer ${index + 1}`).name('name');
    const fields = new JsonObject(value, `${file}: layer ${name}`);
    if (layers.some((layer) => layer.name === name)) fail(fields, `there are two layers of this name`);
    const layer = parseLayer(fields, name, index === 0);
    checkFollows(fields, layer, layers.at(-1));
    const edges = layerEdges(layer);
    if (layer.edges !== edges) fields.fail('"edges"', layer.edges, `must be ${edges}, which follows from the shapes`);
    layers.push(layer);
  }
  const last = layers.at(-1)!;
  if (last.op !== 'linear' || last.relu) fail(root, `the last layer, ${last.name}, must be linear and without ReLU`);
  const edges = edgeCount({ layers });
  if (edges > MAX_EDGES) fail(root, `the layers have ${edges} edges; ${MAX_EDGES} are allowed`);
  checkWeights(weights, layers);
  return {
    inputExponent,
    lossShift,
    layers,
    weights: new Int8Array(weights.buffer, weights.byteOffset, weights.length),
  };
}

/** The network keys of network.json; parseNetwork reads them back to an equal network. */
export function networkToJson(network: Omit<Network, 'weights'>): Record<string, unknown> {
  return {
    input_exponent: network.inputExponent,
    loss_shift: network.lossShift,
    layers: network.layers.map((layer) => ({
      name: layer.name,
      op: layer.op,
      ...(layer.op === 'conv2d'
        ? {
            in_shape: [...layer.inShape],
            out_channels: layer.outChannels,
            kernel: layer.kernel[0],
            stride: layer.stride[0],
            padding: layer.padding[0],
            pool: layer.pool ? 2 : 0,
          }
        : layer.op === 'linear'
          ? { in_features: layer.inFeatures, out_features: layer.outFeatures }
          : { in_shape: [...layer.inShape] }),
      relu: layer.relu,
      edges: layer.edges,
      weight_exponent: layer.weightExponent,
      below_threshold: layer.belowThreshold,
      ...(layer.shifts === undefined ? {} : { shifts: shiftsToJson(layer.shifts) }),
    })),
  };
}

/** Reads a folder with network.json (or else case.json) and weights.bin. Throws DataError. */
export function loadNetwork(folder: string): NetworkFile {
  const casePath = join(folder, 'case.json');
  const networkPath = join(folder, 'network.json');
  const path = existsSync(casePath) && !existsSync(networkPath) ? casePath : networkPath;
  const remedy = 'name the folder of a network with --model';
  const json = readWhole(path, remedy);
  const weights = readWhole(join(folder, 'weights.bin'), remedy);
  return { network: parseNetwork(parseJson(json, path), weights, path), path, json, weights };
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

function fail(fields: JsonObject, rule: string): never {
  throw new DataError('NETWORK_MALFORMED', `${fields.place}: ${rule}`);
}

function parseLayer(fields: JsonObject, name: string, first: boolean): NetworkLayer {
  const op = fields.oneOf('op', ['conv2d', 'linear'] as const);
  const common = {
    name,
    relu: fields.boolean('relu'),
    edges: fields.integer('edges', 1, MAX_EDGES),
    weightExponent: fields.integer('weight_exponent', -MAX_EXPONENT, MAX_EXPONENT),
    belowThreshold: fields.oneOf('below_threshold', ['zero', 'negate'] as const),
    ...(fields.has('shifts') ? { shifts: parseShifts(fields.object('shifts'), first) } : {}),
  };
  return op === 'conv2d' ? parseConvolution(fields, common) : parseLinear(fields, common);
}

type Common = Omit<LinearLayer, 'op' | 'inFeatures' | 'outFeatures'>;

function parseConvolution(fields: JsonObject, common: Common): Conv2dLayer {
  const [height, width, channels] = fields.integers('in_shape', 3, 1, MAX_FEATURES) as [number, number, number];
  if (height > MAX_SIDE || width > MAX_SIDE) {
    fields.fail('"in_shape"', [height, width, channels], `must have a height and width in 1..${MAX_SIDE}`);
  }
  const kernel = fields.integer('kernel', 1, MAX_SIDE);
  const stride = fields.integer('stride', 1, MAX_SIDE);
  const padding = fields.integer('padding', 0, MAX_SIDE);
  const layer: Conv2dLayer = {
    ...common,
    op: 'conv2d',
    inShape: [height, width, channels],
    outChannels: fields.integer('out_channels', 1, MAX_FEATURES),
    depthwise: false,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: [padding, padding, padding, padding],
    pool: fields.oneOf('pool', [0, 2] as const) === 2,
  };
  const sides = mapShape(layer).slice(0, 2);
  const least = layer.pool ? 2 : 1;
  if (sides.some((side) => side < least)) {
    fields.fail('"kernel"', kernel, `leaves a map of ${sides.join('x')}; at least ${least}x${least} is needed`);
  }
  return layer;
}

function parseLinear(fields: JsonObject, common: Common): LinearLayer {
  return {
    ...common,
    op: 'linear',
    inFeatures: fields.integer('in_features', 1, MAX_FEATURES),
    outFeatures: fields.integer('out_features', 1, MAX_FEATURES),
  };
}

function parseShifts(fields: JsonObject, first: boolean): LayerShifts {
  const shift = (key: string) => fields.integer(key, 0, MAX_SHIFT);
  if (first && fields.has('error')) fail(fields, '"error" does not belong in the first layer, which computes no error');
  return {
    activation: shift('activation'),
    ...(first ? {} : { error: shift('error') }),
    ...(fields.has('score') ? { score: shift('score') } : {}),
    ...(fields.has('gradient') ? { gradient: shift('gradient') } : {}),
  };
}

function shiftsToJson(shifts: LayerShifts): Record<string, number> {
  const { activation, error, score, gradient } = shifts;
  return {
    activation,
    ...(error === undefined ? {} : { error }),
    ...(score === undefined ? {} : { score }),
    ...(gradient === undefined ? {} : { gradient }),
  };
}

function checkFollows(fields: JsonObject, layer: NetworkLayer, before: NetworkLayer | undefined): void {
  if (before === undefined) return;
  if (layer.op === 'conv2d' && before.op === 'linear') fail(fields, 'convolutions come before linear layers');
  const given = outputShape(before);
  if (layer.op === 'conv2d') {
    if (layer.inShape.some((side, axis) => side !== given[axis])) {
      fields.fail('"in_shape"', layer.inShape, `must be [${given.join(', ')}], the output of ${before.name}`);
    }
    return;
  }
  const features = given[0] * given[1] * given[2];
  if (inputShape(layer)[2] !== features) {
    fields.fail('"in_features"', inputShape(layer)[2], `must be ${features}, the output of ${before.name}`);
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
