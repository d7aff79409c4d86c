/** The learned state as it travels: where only some edges have a score, theirs alone, in canonical order. */
import type { MethodSettings } from '../network/open-network.js';

/** What an edge without a score holds in the learned state (docs/arithmetic.md, "Tensors and layouts"). */
export const NO_SCORE = 127;

type Scored = Pick<MethodSettings, 'scored'>;

/** Returns how many elements of the learned state travel: of `edges`, or of those with a score. */
export function travellingElements(edges: number, { scored }: Scored): number {
  return scored === undefined ? edges : scored.reduce((count, flag) => count + flag, 0);
}

/** Returns what of a learned state travels. @param state one byte per edge */
export function travellingState(state: Int8Array, { scored }: Scored): Int8Array {
  return scored === undefined ? state : state.filter((_, edge) => scored[edge] !== 0);
}

/** Returns the learned state, one byte per edge, that has travelled. @param travelled as `travellingState` returns it */
export function wholeState(travelled: Int8Array, { scored }: Scored): Int8Array {
  if (scored === undefined) return travelled;
  let next = 0;
  return Int8Array.from(scored, (flag) => (flag === 0 ? NO_SCORE : travelled[next++]!));
}
