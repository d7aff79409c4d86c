/** Counts the scores of a learned state per layer: what a run records after each epoch. Pure. */
import type { Network } from '../network/network.js';
import type { ScoresEvent } from './events.js';

/** Bins of a histogram of scores: -128..127 in steps of 8. */
export const SCORE_BIN_WIDTH = 8;
export const SCORE_BINS = 256 / SCORE_BIN_WIDTH;

/**
 * Returns the event for a state.
 * @param epoch the epoch that has just ended, counted from 0; -1: before training
 * @param state one score per edge, canonical order
 * @param scored 0 or 1 per edge; left out: every edge has a score
 */
export function scoresEvent(
  epoch: number,
  network: Network,
  state: Int8Array,
  threshold: number,
  scored?: Uint8Array,
): ScoresEvent {
  let offset = 0;
  const layers = network.layers.map(({ name, edges }) => {
    const histogram = new Array<number>(SCORE_BINS).fill(0);
    let pruned = 0;
    let withScore = 0;
    for (let edge = offset; edge < offset + edges; edge += 1) {
      if (scored !== undefined && scored[edge] === 0) continue;
      const score = state[edge]!;
      histogram[(score + 128) >> 3]! += 1;
      withScore += 1;
      if (score < threshold) pruned += 1;
    }
    offset += edges;
    return { name, edges, scored: withScore, pruned, histogram };
  });
  return { type: 'scores', epoch, layers };
}
