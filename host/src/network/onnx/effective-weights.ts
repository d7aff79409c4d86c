/** The weights that a network computes with once it has learned something (docs/arithmetic.md, "Effective weight"). */
import type { MethodName, Network } from '../network.js';

/** What was learned, and by what rule it counts. */
export interface LearnedState {
  readonly method: MethodName;
  /** priot, priot-s: edges whose score is below are pruned. */
  readonly threshold: number;
  /** Scores or weights, one per edge, canonical order. */
  readonly state: Int8Array;
  /** priot-s: 0 or 1 per edge. */
  readonly scored?: Uint8Array;
}

/** Returns the effective weight of every edge, canonical order. */
export function effectiveWeights(network: Network, learned: LearnedState): Int8Array {
  const { method, threshold, state, scored } = learned;
  if (method === 'niti-static' || method === 'niti-dynamic') return state.slice();
  const weights = network.weights.slice();
  let edge = 0;
  for (const layer of network.layers) {
    for (const end = edge + layer.edges; edge < end; edge++) {
      if (state[edge]! >= threshold || scored?.[edge] === 0) continue;
      weights[edge] = layer.belowThreshold === 'negate' ? -weights[edge]! : 0;
    }
  }
  return weights;
}
