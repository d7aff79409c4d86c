/** The bytes of a device's memory plan by purpose. */
import type { MemoryPlan } from './messages.js';

/** Bytes of the device's arena. */
export interface ArenaAccount {
  weights: number;
  state: number;
  activations: number;
  errors: number;
  other: number;
}

/** Gives the bytes of a plan by purpose. */
export function arenaOf(plan: MemoryPlan): ArenaAccount {
  return {
    weights: plan.weightsBytes,
    state: plan.stateBytes,
    activations: plan.activationBytes,
    errors: plan.errorBytes,
    other: plan.otherBytes,
  };
}

/** Writes them as `weights 50,176, state 52,040, …`. */
export function arenaText(plan: MemoryPlan): string {
  return Object.entries(arenaOf(plan))
    .map(([purpose, bytes]) => `${purpose} ${bytes.toLocaleString('en-US')}`)
    .join(', ');
}
