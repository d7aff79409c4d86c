/**
 * Architectures: a network without weights, exponents and shifts, as `priot pretrain --architecture FILE` reads it
 * (docs/networks.md).
 */
import { anything, closedShape, listOf, name, optional } from '../json-shape.js';
import { hintForKey } from './layer-hints.js';
import { type LayersJson, parseLayeredDocument } from './layer-json.js';
import { shapeCheck } from './layer-keys.js';
import type { NetworkLayer } from './network.js';
import { fanIn } from './network-shape.js';

export interface Architecture {
  readonly name: string;
  /** The layers, with the exponents that their first weights will have. */
  readonly layers: readonly NetworkLayer[];
}

interface ArchitectureJson extends LayersJson {
  name: string;
  provenance?: unknown;
}

const checkArchitecture = closedShape<ArchitectureJson>(
  {
    name: name(64),
    provenance: anything,
    input_shape: optional(shapeCheck),
    layers: listOf(anything),
  },
  (key) => hintForKey(key, 'architecture'),
);

/**
 * Parses an architecture: {"name", "input_shape": [H, W, C], "layers"}, layers as in network.json without what
 * pretraining chooses.
 * @throws DataError NETWORK_MALFORMED
 */
export function parseArchitecture(json: unknown, file: string): Architecture {
  const { root, layers } = parseLayeredDocument(json, checkArchitecture, 'architecture', file);
  return { name: root.name, layers: withInitialExponents(layers) };
}

/** Standard deviation of the uniform distribution over -127..127 that weights are drawn from. */
const INITIAL_DEVIATION = 73.6;

/** The exponents at which such weights have He's deviation sqrt(2 / fan_in) (arXiv 1502.01852). */
function withInitialExponents(layers: readonly NetworkLayer[]): NetworkLayer[] {
  return layers.map((layer, index) => {
    if (layer.op === 'sum_pool') return layer;
    const below = layers[index - 1];
    // The weights above a sum_pool also turn the sum into the mean.
    const summed = below?.op === 'sum_pool' ? fanIn(below) : 1;
    const weightExponent = -Math.round(Math.log2(INITIAL_DEVIATION * Math.sqrt(fanIn(layer) / 2) * summed));
    return { ...layer, weightExponent };
  });
}
