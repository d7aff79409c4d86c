/** PRIOT-S: which share of each layer's edges has a score (docs/arithmetic.md, "PRIOT-S"). */
import { UsageError } from '../errors.js';
import type { Network } from '../network/network.js';
import { edgeCount } from '../network/network-shape.js';

/** Parses a fraction 0..1 of at most three decimals into permille. undefined when it is none. */
export function parsePermille(text: string): number | undefined {
  const [, whole, decimals = ''] = /^([01])(?:\.(\d{1,3}))?$|^$/.exec(text.replace(/^\./, '0.')) ?? [];
  if (whole === undefined) return undefined;
  const permille = Number(whole) * 1000 + Number(decimals.padEnd(3, '0'));
  return permille <= 1000 ? permille : undefined;
}

/** Writes a budget as `conv1=1,conv2=0.5`, permille per layer in the order of the network. */
export function formatBudget(network: Network, permille: readonly number[]): string {
  return network.layers.map((layer, index) => `${layer.name}=${permille[index]! / 1000}`).join(',');
}

/**
 * Parses `--budget` into permille per layer: `uniform`, `auto`, or LAYER=FRACTION for every layer. `scored` is the
 * share over all edges in permille, for the first two.
 * @throws UsageError BUDGET_MALFORMED
 */
export function parseBudget(network: Network, budget: string, scored: number): number[] {
  if (budget === 'uniform') return network.layers.map(() => scored);
  if (budget === 'auto') return bySquareRoot(network, scored);
  const chosen = new Map<string, number>();
  for (const entry of budget.split(',')) {
    const [, name, fraction] = /^([^=]+)=([^=]+)$/.exec(entry) ?? [];
    const permille = fraction === undefined ? undefined : parsePermille(fraction);
    if (name === undefined || permille === undefined) {
      throw malformed(`${entry} is no LAYER=FRACTION`, 'fractions are 0..1 with at most three decimals: fc1=0.078');
    }
    chosen.set(name, permille);
  }
  const names = network.layers.map((layer) => layer.name);
  const unknown = [...chosen.keys()].find((name) => !names.includes(name));
  const missing = network.layers.filter(({ name, edges }) => edges > 0 && !chosen.has(name)).map(({ name }) => name);
  if (unknown !== undefined) throw malformed(`the network has no layer ${unknown}`, `its layers: ${names.join(', ')}`);
  if (missing.length > 0)
    throw malformed(`nothing for ${missing.join(', ')}`, 'name every layer, with 0 for no scores');
  return names.map((name) => chosen.get(name) ?? 0);
}

/**
 * Scores in proportion to the square root of a layer's edges, as far as it has so many: a small layer, whose edges each
 * take part in many sums, gets a larger share than a large one. A choice of ours (docs/results.md says how it compares).
 */
function bySquareRoot(network: Network, scored: number): number[] {
  let left = Math.floor((edgeCount(network) * scored) / 1000);
  const ascending = network.layers.map(({ edges }, index) => ({ edges, index })).sort((a, b) => a.edges - b.edges);
  let weight = ascending.reduce((sum, { edges }) => sum + Math.sqrt(edges), 0);
  const permille = new Array<number>(ascending.length).fill(0);
  // The smallest first: what they have no edges for goes to the larger ones.
  for (const { edges, index } of ascending) {
    const share = Math.min(edges, Math.floor((left * Math.sqrt(edges)) / weight));
    permille[index] = edges === 0 ? 0 : Math.floor((share * 1000) / edges);
    left -= share;
    weight -= Math.sqrt(edges);
  }
  return permille;
}

function malformed(message: string, remedy: string): UsageError {
  return new UsageError('BUDGET_MALFORMED', `--budget: ${message}`, remedy);
}
