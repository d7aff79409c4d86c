/** The events of a run, as metrics.jsonl holds them (one JSON object per line, `type` first). Declared here only. */

import type { ArenaAccount } from '../link/memory-account.js';

/** One training step. `cycles` is compute alone, null where there is no cycle counter. */
export interface StepEvent {
  type: 'step';
  /** 0-based over the whole session. */
  step: number;
  /** 0-based. */
  epoch: number;
  label: number;
  prediction: number;
  correct: boolean;
  /** The loss gradient was zero: no backward pass. */
  lossZero: boolean;
  cycles: number | null;
}

/** An evaluation. `epoch` -1: before training, with the frozen network. */
export interface EpochEvent {
  type: 'epoch';
  epoch: number;
  images: number;
  correct: number;
  /** 0..1 */
  accuracy: number;
  imageSet: string;
}

/** Bytes of the plan and the marks the device measured. */
export interface MemoryEvent {
  type: 'memory';
  /** null, as the next two and `flash`, where there is no such memory: in the simulator. */
  sramTotal: number | null;
  static: number | null;
  /** Of `static`, code that runs from SRAM. null or absent where it is not told apart: in runs of an older priot. */
  code?: number | null;
  stackHighWater: number | null;
  arena: ArenaAccount;
  /** The firmware image and the weights kept in flash. */
  flash: number | null;
  /** Of `flash`, the firmware image. Absent, as the next two, in runs of an older priot. */
  flashImage?: number | null;
  /** Flash there is, and what of it is set aside for weights. */
  flashTotal?: number | null;
  flashForWeights?: number | null;
}

/**
 * Clock cycles of `steps` training steps of an epoch by where they went. None where there is no cycle counter; more than
 * one an epoch when it was interrupted: they add up.
 */
export interface CyclesEvent {
  type: 'cycles';
  epoch: number;
  steps: number;
  activeSteps: number;
  computeCycles: number;
  forwardCycles: number;
  wireCycles: number;
  idleCycles: number;
}

/** The line between host and device since the run began or was last resumed. */
export interface LinkEvent {
  type: 'link';
  frames: number;
  crcErrors: number;
  retries: number;
  timeouts: number;
  roundTripMs: number;
  /** Seconds of this computer that the run has taken so far, over all its parts. Absent in runs of an older priot. */
  wallSeconds?: number;
}

/** Something went wrong and was dealt with. */
export interface FaultEvent {
  type: 'fault';
  code: string;
  message: string;
  step: number;
}

/**
 * The accuracy on test images that are not shifted: what the network could do before it learned its new surroundings, and
 * what it still can after. `epoch` -1: before training, with the frozen network; else the last epoch.
 */
export interface SourceEvent {
  type: 'source';
  epoch: number;
  images: number;
  correct: number;
  /** 0..1 */
  accuracy: number;
  imageSet: string;
}

/**
 * The accuracy with the initial scores, before the first step: what training begins with. Only PRIOT has it: the other
 * methods begin with the frozen network.
 */
export interface InitialEvent {
  type: 'initial';
  images: number;
  correct: number;
  /** 0..1 */
  accuracy: number;
  imageSet: string;
}

/**
 * Whether what was learned is kept: predictions of the frozen and of the learned network on training images that were
 * left out of training. Not kept: the session ends with the whole network. Only `--variant steady` has it.
 */
export interface GuardEvent {
  type: 'guard';
  epoch: number;
  images: number;
  /** Correct predictions. */
  frozen: number;
  learned: number;
  kept: boolean;
  imageSet: string;
}

/** How the scores of each layer are spread, after an epoch. Only methods that learn scores have it. */
export interface ScoresEvent {
  type: 'scores';
  /** The epoch that has just ended, counted from 0; -1: before training. */
  epoch: number;
  /** `pruned`: edges below the threshold. `histogram`: scored edges by score, -128..127 in bins of 8. */
  layers: { name: string; edges: number; scored: number; pruned: number; histogram: number[] }[];
}

/** What the last evaluation took each class for: `counts[label][prediction]` images. */
export interface ConfusionEvent {
  type: 'confusion';
  epoch: number;
  images: number;
  imageSet: string;
  /** The names of the classes; absent where the data set names none. */
  counts: number[][];
}

/** The first images of the last evaluation that were predicted wrong; at most 24. */
export interface MistakesEvent {
  type: 'mistakes';
  epoch: number;
  imageSet: string;
  height: number;
  width: number;
  channels: number;
  /** `margin`: logit of the prediction less that of the label; null where the device did not tell. `pixels`: base64 of int8 0..127, HWC. */
  examples: { index: number; label: number; prediction: number; margin: number | null; pixels: string }[];
}

/** Mean compute cycles of sampled active steps by layer and phase; `steps` is how many were sampled. */
export interface LayerCyclesEvent {
  type: 'layers';
  epoch: number;
  steps: number;
  layers: {
    name: string;
    cycles: { forward: number; requantise: number; loss: number; error: number; update: number };
  }[];
}

export type RunEvent =
  | StepEvent
  | EpochEvent
  | InitialEvent
  | SourceEvent
  | GuardEvent
  | MemoryEvent
  | CyclesEvent
  | LinkEvent
  | FaultEvent
  | ScoresEvent
  | ConfusionEvent
  | MistakesEvent
  | LayerCyclesEvent;
