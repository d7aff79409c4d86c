/** What the events of a run add up to, in one pass over them. */

import { distribution } from '../statistics.js';
import type { CyclesEvent, FaultEvent, InitialEvent, LinkEvent, MemoryEvent, RunEvent, SourceEvent } from './events.js';
import type { CycleStatistics } from './run-manifest.js';

/** Accuracies on one set of images; fractions 0..1. */
export interface AccuracyCurve {
  imageSet: string;
  images: number;
  /** The accuracy of the frozen network; null when these images were not evaluated before training. */
  before: number | null;
  /** The evaluations in the order of epochs, one per trained epoch. */
  epochs: { epoch: number; correct: number; accuracy: number }[];
  /** Chosen on test data; null before the first epoch's end. */
  best: { epoch: number; accuracy: number } | null;
}

export interface RunMetrics {
  steps: number;
  /** Steps that ran the backward pass. */
  activeSteps: number;
  /** null without a cycle counter, or before the first step. */
  cyclesPerStep: CycleStatistics | null;
  /** One a set of images; the one evaluated last comes last. */
  accuracy: AccuracyCurve[];
  /** The evaluation with the initial scores; null when there was none. */
  initial: InitialEvent | null;
  /** The evaluations on unshifted images; null where there are none. */
  source: { before: SourceEvent | null; after: SourceEvent | null };
  /** One per epoch: the sum of its parts when it was interrupted. */
  cyclesByEpoch: CyclesEvent[];
  /** The last ones; null when there are none. */
  memory: MemoryEvent | null;
  link: LinkEvent | null;
  faults: FaultEvent[];
}

/** Summarises cycles; null for none. */
export function cycleStatistics(cycles: readonly number[]): CycleStatistics | null {
  return cycles.length === 0 ? null : distribution(cycles);
}

/** Reads all events once. An epoch evaluated twice on the same images (after a resume) counts with its last result. */
export function summariseMetrics(events: Iterable<RunEvent>): RunMetrics {
  let steps = 0;
  let activeSteps = 0;
  const cycles: number[] = [];
  const curves = new Map<string, { curve: AccuracyCurve; byEpoch: Map<number, AccuracyCurve['epochs'][number]> }>();
  const cyclesByEpoch = new Map<number, CyclesEvent>();
  let initial: InitialEvent | null = null;
  const source: RunMetrics['source'] = { before: null, after: null };
  let memory: MemoryEvent | null = null;
  let link: LinkEvent | null = null;
  const faults: FaultEvent[] = [];
  for (const event of events) {
    switch (event.type) {
      case 'step':
        steps += 1;
        if (!event.lossZero) activeSteps += 1;
        if (event.cycles !== null) cycles.push(event.cycles);
        break;
      case 'epoch': {
        const { imageSet, images, epoch, correct, accuracy } = event;
        const key = JSON.stringify([imageSet, images]);
        const entry = curves.get(key) ?? {
          curve: { imageSet, images, before: null, epochs: [], best: null },
          byEpoch: new Map(),
        };
        if (epoch < 0) entry.curve.before = accuracy;
        else entry.byEpoch.set(epoch, { epoch, correct, accuracy });
        curves.delete(key);
        curves.set(key, entry);
        break;
      }
      case 'source':
        source[event.epoch < 0 ? 'before' : 'after'] = event;
        break;
      case 'initial':
        initial = event;
        break;
      case 'memory':
        memory = event;
        break;
      case 'cycles':
        cyclesByEpoch.set(event.epoch, addCycles(cyclesByEpoch.get(event.epoch), event));
        break;
      case 'link':
        link = event;
        break;
      case 'fault':
        faults.push(event);
        break;
    }
  }
  return {
    steps,
    activeSteps,
    cyclesPerStep: cycleStatistics(cycles),
    accuracy: [...curves.values()].map(({ curve, byEpoch }) => completeCurve(curve, [...byEpoch.values()])),
    initial,
    source,
    cyclesByEpoch: [...cyclesByEpoch.values()].sort((a, b) => a.epoch - b.epoch),
    memory,
    link,
    faults,
  };
}

function addCycles(sum: CyclesEvent | undefined, part: CyclesEvent): CyclesEvent {
  if (sum === undefined) return part;
  return {
    type: 'cycles',
    epoch: sum.epoch,
    steps: sum.steps + part.steps,
    activeSteps: sum.activeSteps + part.activeSteps,
    computeCycles: sum.computeCycles + part.computeCycles,
    forwardCycles: sum.forwardCycles + part.forwardCycles,
    wireCycles: sum.wireCycles + part.wireCycles,
    idleCycles: sum.idleCycles + part.idleCycles,
  };
}

function completeCurve(curve: AccuracyCurve, epochs: AccuracyCurve['epochs']): AccuracyCurve {
  epochs.sort((a, b) => a.epoch - b.epoch);
  let best: AccuracyCurve['best'] = null;
  for (const { epoch, accuracy } of epochs) {
    if (best === null || accuracy > best.accuracy) best = { epoch, accuracy };
  }
  return { ...curve, epochs, best };
}
