/** A device's memory plan in words: what was chosen, and why. */
import { arenaText } from '../../link/memory-account.js';
import type { MemoryPlan } from '../../link/messages.js';

/** Returns two lines: the choices with their reason, and the bytes by purpose. */
export function planText(plan: MemoryPlan): string {
  return (
    `memory plan: ${choices(plan)}; ${reason(plan)}\n` +
    `plan of ${bytes(plan.requiredBytes)} of ${bytes(plan.arenaBytes)} bytes (${arenaText(plan)})`
  );
}

function choices({ fastKernels, effectiveWeightsKept, weightsInFlash }: MemoryPlan): string {
  return [
    `${fastKernels ? 'fast' : 'plain'} kernels`,
    `effective weights ${effectiveWeightsKept ? 'kept' : 'masked on the fly'}`,
    `weights in ${weightsInFlash ? 'flash' : 'SRAM'}`,
  ].join(', ');
}

function reason({ estimatedCycles, fastestCycles, fastestBytes, requiredBytes, arenaBytes }: MemoryPlan): string {
  if (estimatedCycles <= fastestCycles) return 'the fastest plan';
  const more = `an estimated ${(((estimatedCycles - fastestCycles) / fastestCycles) * 100).toFixed(1)} %`;
  return fastestBytes > arenaBytes
    ? `${more} slower than the fastest plan, which needs ${bytes(fastestBytes)} bytes`
    : `saves ${bytes(fastestBytes - requiredBytes)} bytes of SRAM for ${more} more time`;
}

function bytes(count: number): string {
  return count.toLocaleString('en-US');
}
