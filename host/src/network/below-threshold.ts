/** What edges below the threshold become, chosen for some layers of a network: `negate:fc1`, `zero:all`. */
import { UsageError } from '../errors.js';
import type { BelowThreshold, Network } from './network.js';

/**
 * Returns the network with another rule in the layers named: RULE:LAYER[,LAYER…], RULE zero or negate; RULE alone, or
 * `all` for the layers, for all of them.
 * @throws UsageError BELOW_THRESHOLD_MALFORMED
 */
export function withBelowThreshold(network: Network, choice: string): Network {
  const [, rule, names = 'all'] = /^(zero|negate)(?::(.+))?$/.exec(choice) ?? [];
  if (rule === undefined) {
    throw malformed(
      `${choice} is no RULE or RULE:LAYER[,LAYER]`,
      'write it as in negate:fc1, or negate for all layers',
    );
  }
  const chosen = new Set(names.split(','));
  const known = network.layers.map((layer) => layer.name);
  for (const name of chosen) {
    if (name !== 'all' && !known.includes(name)) {
      throw malformed(`the network has no layer ${name}`, `choose among ${known.join(', ')}, or all`);
    }
  }
  const layers = network.layers.map((layer) => {
    if (layer.op === 'sum_pool' || !(chosen.has('all') || chosen.has(layer.name))) return layer;
    return { ...layer, belowThreshold: rule as BelowThreshold };
  });
  return { ...network, layers };
}

function malformed(message: string, remedy: string): UsageError {
  return new UsageError('BELOW_THRESHOLD_MALFORMED', `--below-threshold: ${message}`, remedy);
}
