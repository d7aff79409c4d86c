/** The events of a run, as metrics.jsonl holds them (one JSON object a line, `type` first). Declared here only. */

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
  sramTotal: number;
  static: number;
  stackHighWater: number;
  arena: { weights: number; state: number; activations: number; errors: number; other: number };
  flash: number;
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
}

/** Something went wrong and was dealt with. */
export interface FaultEvent {
  type: 'fault';
  code: string;
  message: string;
  step: number;
}

export type RunEvent = StepEvent | EpochEvent | MemoryEvent | CyclesEvent | LinkEvent | FaultEvent;
