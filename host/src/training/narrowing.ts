/** Steps that grow narrower as a session goes on: their bit width, mu, falls by one after some epochs. An addition of ours. */
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';

/** The largest shift there is (docs/arithmetic.md, "Primitives"). */
const MAX_SHIFT = 30;

/** Bits that steps of this epoch, counted from 0, are narrower by. */
export function bitsNarrower(narrowing: readonly number[], epoch: number): number {
  return narrowing.filter((epochs) => epochs <= epoch).length;
}

/** Network and settings whose steps are `bits` narrower: a larger update shift of every layer, or a smaller mu. */
export function withNarrowerSteps(
  { network, settings }: { network: Network; settings: MethodSettings },
  bits: number,
): { network: Network; settings: MethodSettings } {
  const narrower = (shift: number | undefined) => shift !== undefined && Math.min(MAX_SHIFT, shift + bits);
  const layers = network.layers.map((layer) => {
    if (layer.shifts === undefined) return layer;
    const score = narrower(layer.shifts.score);
    const gradient = narrower(layer.shifts.gradient);
    const shifts = {
      ...layer.shifts,
      ...(score !== false && { score }),
      ...(gradient !== false && { gradient }),
    };
    return { ...layer, shifts };
  });
  const { mu } = settings;
  return {
    network: { ...network, layers },
    settings: mu === undefined ? settings : { ...settings, mu: Math.max(0, mu - bits) },
  };
}
