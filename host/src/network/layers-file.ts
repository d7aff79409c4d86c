/** Layers from wherever they stand: a network's folder, its JSON alone, or an architecture. */
import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError } from '../errors.js';
import { readWhole } from '../files.js';
import { parseArchitecture } from './architecture.js';
import type { Network } from './network.js';
import { INPUT_EXPONENT, LOSS_SHIFT, loadNetwork, parseJson, parseNetworkLayers } from './network-file.js';
import { biasCount, edgeCount } from './network-shape.js';

/** A network to be looked at. Where its file is alone or an architecture, weights and biases are 0. */
export interface NetworkOutline {
  readonly network: Network;
  /** `weights` says whether they are the network's own. */
  readonly kind: 'network' | 'architecture';
  readonly weights: boolean;
}

/**
 * Reads a folder with a network, a network.json without its weights, or an architecture.
 * @throws DataError FILE_MISSING, FILE_UNREADABLE, NETWORK_MALFORMED, and those of loadNetwork
 */
export function loadOutline(path: string): NetworkOutline {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new DataError('FILE_MISSING', `no such file or folder: ${path}`, 'name a network folder or an architecture');
  }
  if (found.isDirectory()) return { network: loadNetwork(path).network, kind: 'network', weights: true };
  const isNamed = ['network.json', 'case.json'].includes(basename(path));
  const weights = statSync(join(dirname(path), 'weights.bin'), { throwIfNoEntry: false });
  if (isNamed && weights?.isFile()) return loadOutline(dirname(path));
  const json = parseJson(readWhole(path), path);
  if (!isNetwork(json)) {
    const { layers } = parseArchitecture(json, path);
    return {
      network: blank({ inputExponent: INPUT_EXPONENT, lossShift: LOSS_SHIFT, layers }),
      kind: 'architecture',
      weights: false,
    };
  }
  return { network: blank(parseNetworkLayers(json, path)), kind: 'network', weights: false };
}

/** A network says exponents, which an architecture must not. */
function isNetwork(json: unknown): boolean {
  const root = json as { input_exponent?: unknown; layers?: unknown } | null;
  if (root?.input_exponent !== undefined) return true;
  const { layers } = root ?? {};
  return Array.isArray(layers) && layers.some((layer) => Object.hasOwn(Object(layer), 'weight_exponent'));
}

function blank(network: Omit<Network, 'weights' | 'biases'>): Network {
  const biases = biasCount(network);
  return {
    ...network,
    weights: new Int8Array(edgeCount(network)),
    ...(biases > 0 && { biases: new Int16Array(biases) }),
  };
}
