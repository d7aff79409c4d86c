/** How many multiply-accumulates (MAC) a network's layers ask for, from their shapes alone. */
import type { Network, NetworkLayer } from '../network/network.js';
import { fanIn, mapShape } from '../network/network-shape.js';

/** Where the cycles of a step go, in the order of the wire contract's Phase. */
export const phaseNames = ['forward', 'requantise', 'loss', 'error', 'update'] as const;
export type PhaseName = (typeof phaseNames)[number];

/**
 * Counts the MACs of one pass over the layer, taps in the padding included: what a kernel that skips nothing would do.
 */
export function layerMacs(layer: NetworkLayer): number {
  if (layer.op === 'sum_pool') return 0;
  const [height, width, channels] = mapShape(layer);
  return height * width * channels * fanIn(layer);
}

/**
 * Counts the MACs of one phase of a whole step. The first layer computes no error; requantisation and loss are no sums
 * of products. The update counts its gradient alone, not the product with W.
 */
export function phaseMacs(network: Network, layerIndex: number, phase: PhaseName): number {
  const works = phase === 'forward' || phase === 'update' || (phase === 'error' && layerIndex > 0);
  return works ? layerMacs(network.layers[layerIndex]!) : 0;
}
