/** Step sizes that are halved as a session goes on: their bit width, mu, falls by one after some epochs. An addition of ours. */
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';

/** The largest shift there is (docs/arithmetic.md, "Primitives"). */
const MAX_SHIFT = 30;

/** Returns how often the step size was halved before this epoch, counted from 0. */
export function bitsNarrower(narrowing: readonly number[], epoch: number): number {
  return narrowing.filter((epochs) => epochs <= epoch).length;
}

/** Returns network and settings whose steps are halved `bits` times: a larger update shift of every layer, or a smaller mu. */
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
