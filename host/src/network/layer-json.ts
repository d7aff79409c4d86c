/**
 * The codec of layers in JSON: network.json, case.json and architectures have the same keys (docs/networks.md).
 * What follows from the layers below need not be there; where it is there, it is checked.
 */
import { type Check, complaintError, keyPath, object, oneOf } from '../json-shape.js';
import { chain, type ParsedLayers } from './layer-chain.js';
import { hintForOperation, type LayerFile } from './layer-hints.js';
import {
  checkLayer,
  type LayerJson,
  layerName,
  type Operation,
  operations,
  type Sides,
  shapeCheck,
} from './layer-keys.js';
import { limits } from './limits.js';
import type { LayerShifts, NetworkLayer } from './network.js';
import type { Shape } from './network-shape.js';

/** A document with layers: its own keys are checked by whoever reads it. */
export interface LayersJson {
  input_shape?: number[];
  layers: unknown[];
}

/**
 * Checks a document and reads its layers; all complaints come in one error.
 * @throws DataError NETWORK_MALFORMED
 */
export function parseLayeredDocument<T extends LayersJson>(
  json: unknown,
  check: Check<T>,
  file: LayerFile,
  path: string,
): { readonly root: T; readonly layers: readonly NetworkLayer[] } {
  const complaints = check(json, '');
  const root = json as T;
  const { layers: items, input_shape: input } = (object(json, '').length === 0 ? json : {}) as Partial<LayersJson>;
  const shape = shapeCheck(input, '').length === 0 ? (input as unknown as Shape) : undefined;
  const parsed: ParsedLayers = Array.isArray(items) ? parseLayers([...items], file, shape) : { complaints: [] };
  if (parsed.complaints === undefined && complaints.length === 0) return { root, layers: parsed.layers };
  throw complaintError(
    'NETWORK_MALFORMED',
    path,
    [...(parsed.complaints ?? []), ...complaints],
    'correct it: docs/networks.md has every key',
  );
}

/**
 * Reads the layers of a file. In an architecture exponents are 0 and there are no shifts.
 * Complaints name the layer; those on operations come first, for other keys follow from them.
 * @param input shape of the images, where the file says it
 */
export function parseLayers(items: readonly unknown[], file: LayerFile, input: Shape | undefined): ParsedLayers {
  if (items.length === 0 || items.length > limits.layers) {
    return { complaints: [`layers has ${items.length} entries; there must be 1 to ${limits.layers}`] };
  }
  const labels = items.map((item, index) => {
    const given = (item as { name?: unknown } | null)?.name;
    return layerName(given, '').length === 0 ? `layer ${given}:` : `layer ${index + 1}:`;
  });
  const operationComplaints = items.flatMap((item, index) => checkOperation(item, labels[index]!));
  const complaints = items.flatMap((item, index) => {
    const op = (item as { op?: unknown } | null)?.op as Operation;
    return operations.includes(op) ? checkLayer(op, file, index === 0, item, labels[index]!) : [];
  });
  if (operationComplaints.length + complaints.length > 0) {
    return { complaints: [...operationComplaints, ...complaints] };
  }
  return chain(items as readonly LayerJson[], labels, input);
}

function checkOperation(item: unknown, label: string): readonly string[] {
  const complaints = object(item, label);
  if (complaints.length > 0) return complaints;
  const { op } = item as { op?: unknown };
  const [wrong] = oneOf<Operation>(...operations)(op, keyPath(label, 'op'));
  if (wrong === undefined) return [];
  const hint = hintForOperation(op);
  return [hint === undefined ? wrong : `${wrong}: ${hint}`];
}
/** Returns a layer as network.json and case.json have it, every key written out; parseLayers reads it back. */
export function layerToJson(layer: NetworkLayer): Record<string, unknown> {
  const { biasExponent, shifts } = layer;
  return {
    name: layer.name,
    op: layer.op,
    ...shapeToJson(layer),
    relu: layer.relu,
    edges: layer.edges,
    ...(biasExponent === undefined ? {} : { bias_exponent: biasExponent }),
    weight_exponent: layer.weightExponent,
    ...(layer.op === 'sum_pool' ? {} : { below_threshold: layer.belowThreshold }),
    ...(shifts === undefined ? {} : { shifts: shiftsToJson(shifts) }),
  };
}

function shapeToJson(layer: NetworkLayer): Record<string, unknown> {
  if (layer.op === 'linear') return { in_features: layer.inFeatures, out_features: layer.outFeatures };
  if (layer.op === 'sum_pool') return { in_shape: [...layer.inShape] };
  return {
    in_shape: [...layer.inShape],
    out_channels: layer.outChannels,
    ...(layer.depthwise ? { groups: layer.outChannels } : {}),
    kernel: gathered(layer.kernel),
    stride: gathered(layer.stride),
    padding: gathered(layer.padding),
    pool: layer.pool ? 2 : 0,
  };
}

/** Returns one number where all sides are the same. */
function gathered(sides: readonly number[]): Sides {
  return sides.every((side) => side === sides[0]) ? sides[0]! : [...sides];
}

function shiftsToJson({ activation, error, score, gradient }: LayerShifts): Record<string, number> {
  return {
    activation,
    ...(error === undefined ? {} : { error }),
    ...(score === undefined ? {} : { score }),
    ...(gradient === undefined ? {} : { gradient }),
  };
}
