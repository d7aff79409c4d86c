/** Where the cycles of sampled steps went, by layer and phase: what a run records of it, in bounded size. */
import type { StepResult } from '../link/messages.js';
import type { Network } from '../network/network.js';
import type { LayerCyclesEvent } from '../runs/events.js';

/** Steps of an epoch that are asked for their ledger, at most: enough for a mean, few enough to cost the line nothing. */
const SAMPLES_PER_EPOCH = 32;

/** The phases in the order of the .proto's Phase. */
const phases = ['forward', 'requantise', 'loss', 'error', 'update'] as const;

/**
 * Tells whether a step is one of those sampled: they are spread evenly over the epoch, so they are the same steps in every
 * run of a session, wherever it was interrupted.
 * @param index of the step within its epoch, from 0
 * @param count steps of an epoch
 */
export function isSampled(index: number, count: number): boolean {
  return index % Math.ceil(count / SAMPLES_PER_EPOCH) === 0;
}

/** Adds up the ledgers of an epoch's sampled active steps. */
export class LayerLedger {
  private steps = 0;
  private readonly sums: number[];

  constructor(
    private readonly epoch: number,
    private readonly network: Network,
  ) {
    this.sums = new Array<number>(network.layers.length * phases.length).fill(0);
  }

  /** Takes the result of a step. One without a ledger, or without a backward pass, does not count. */
  add({ phaseCycles, lossZero }: StepResult): void {
    if (lossZero || phaseCycles.length !== this.sums.length) return;
    this.steps += 1;
    for (const [index, cycles] of phaseCycles.entries()) this.sums[index]! += cycles;
  }

  /** Gives the means so far; undefined when no step counted. */
  event(): LayerCyclesEvent | undefined {
    const { epoch, steps, network } = this;
    if (steps === 0) return undefined;
    const mean = (layer: number, phase: number) => Math.round(this.sums[layer * phases.length + phase]! / steps);
    const layers = network.layers.map(({ name }, layer) => ({
      name,
      cycles: Object.fromEntries(
        phases.map((phase, index) => [phase, mean(layer, index)]),
      ) as LayerCyclesEvent['layers'][number]['cycles'],
    }));
    return { type: 'layers', epoch, steps, layers };
  }
}
