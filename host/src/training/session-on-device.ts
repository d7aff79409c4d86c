/** A session as the device holds it: its steps, its learned state, and how it is taken up again after a loss of the device. */
import { DeviceError } from '../errors.js';
import { type Connection, Loss } from '../link/connection.js';
import type { Link, StepFrame } from '../link/link.js';
import type { MemoryPlan, StepResult } from '../link/messages.js';
import { EpochOrder } from '../random.js';
import type { FaultEvent, StepEvent } from '../runs/events.js';
import { isSampled } from './layer-ledger.js';
import { bitsNarrower, withNarrowerSteps } from './narrowing.js';
import { putNetwork, readState } from './network-on-device.js';
import { planSessionId, type TrainingPlan, type TrainingStart } from './plan.js';

/** The device keeps as many results of past steps (docs/wire.md). */
const KEPT_RESULTS = 16;

/** The steps between checkpoints while steps are repeated. */
const REPLAY_STEPS = 128;

/** The learned state before step `nextStep`, read back from the device. */
export interface CheckpointEvent {
  type: 'checkpoint';
  nextStep: number;
  state: Int8Array;
}

/** A network open on a device for training, and opened again after each loss of the device. */
export class SessionOnDevice {
  readonly sessionId: Uint8Array;
  readonly #connection: Connection;
  readonly #plan: TrainingPlan;
  readonly #order: EpochOrder;
  /** Called with each step that had no result before. */
  readonly #onResult: (result: StepResult) => void;
  /** The step after the last one whose result is here. */
  #nextStep: number;
  /** The learned state before a step, from which a device that was reset goes on. */
  #saved: { nextStep: number; state: Int8Array };
  /** What the device holds: which boot of it, the step its session began at, its steps; undefined: nothing certain. */
  #held: { bootId: number; firstStep: number; bitsNarrower: number } | undefined;
  #memoryPlan: MemoryPlan | undefined;

  /** Nothing is on the device before `resync`. */
  constructor(
    connection: Connection,
    plan: TrainingPlan,
    start: TrainingStart,
    onResult: (result: StepResult) => void = () => {},
  ) {
    this.sessionId = planSessionId(plan);
    this.#connection = connection;
    this.#plan = plan;
    this.#order = new EpochOrder(plan.seed, plan.training.count);
    this.#onResult = onResult;
    this.#nextStep = start.nextStep;
    this.#saved = start;
  }

  get link(): Link {
    return this.#connection.link;
  }

  /** The step after the last one whose result is here. */
  get nextStep(): number {
    return this.#nextStep;
  }

  /** The plan of the network as it was put on the device last. */
  get memoryPlan(): MemoryPlan {
    return this.#memoryPlan!;
  }

  /**
   * Does `work` until it has run to its end. After each loss of the device, a FaultEvent each, the device is brought to
   * where the host is, and the work is begun anew.
   */
  async *persistently<E>(
    work: () => AsyncIterable<E>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<E | StepEvent | FaultEvent> {
    const { resync, recovered } = { resync: () => this.resync(signal), recovered: () => this.#recovered() };
    async function* workAgain(_link: Link, again: boolean): AsyncGenerator<E | StepEvent | FaultEvent> {
      if (again) {
        yield* resync();
        yield recovered();
      }
      yield* work();
    }
    for await (const event of this.#connection.persistently(workAgain, signal)) {
      if (event instanceof Loss) yield this.#fault(event.error.code, event.error.message);
      else yield event;
    }
  }

  /**
   * Brings the device to where the host is. A device that still holds the session only lacks, or is ahead by, what was on
   * its way; any other gets network and state of the last checkpoint, and the steps since then.
   */
  async *resync(signal: AbortSignal | undefined): AsyncGenerator<StepEvent> {
    if (!(await this.#stillHeld())) await this.#upload(signal);
    const ahead = this.link.nextStep;
    // Steps that the host has results of are repeated without a word. They are saved in between, so that a board that is
    // reset again and again gets on all the same.
    for (let step = ahead; step < this.#nextStep; ) {
      const end = Math.min(this.#nextStep, step + REPLAY_STEPS);
      yield* this.#steps(step, end, () => true);
      this.#saved = { nextStep: end, state: await readState(this.link, this.#plan.network, this.#plan.settings) };
      this.#connection.progressed();
      step = end;
    }
    // Results that were lost on their way are asked for again.
    yield* this.#steps(this.#nextStep, ahead, () => true);
  }

  /** Trains from the next step to the one before `end`, all of one epoch, as long as `more` says so. */
  async *train(end: number, more: () => boolean, signal: AbortSignal): AsyncGenerator<StepEvent> {
    // Steps change between epochs alone, and an epoch ends with a checkpoint: the network is opened anew with it.
    // A recovery may have brought the last steps of this one.
    if (this.#nextStep === end) return;
    if (this.#held?.bitsNarrower !== this.#bitsNarrowerAt(this.#nextStep)) await this.#upload(signal);
    yield* this.#steps(this.#nextStep, end, more, signal);
  }

  /** The learned state of the last checkpoint. */
  get savedState(): Int8Array {
    return this.#saved.state;
  }

  /** Puts another learned state on the device in place of that of the last step; the checkpoint is of it. */
  async *replace(state: Int8Array, signal: AbortSignal | undefined): AsyncGenerator<CheckpointEvent> {
    this.#saved = { nextStep: this.#nextStep, state };
    await this.#upload(signal);
    yield { type: 'checkpoint', nextStep: this.#nextStep, state };
  }

  /** Reads the learned state back, after the results of all steps that the device has applied. */
  async *checkpoint(): AsyncGenerator<CheckpointEvent | StepEvent> {
    let state = await readState(this.link, this.#plan.network, this.#plan.settings);
    // Not before every step that the device has applied is confirmed.
    while (this.link.nextStep > this.#nextStep) {
      yield* this.#steps(this.#nextStep, this.link.nextStep, () => true);
      state = await readState(this.link, this.#plan.network, this.#plan.settings);
    }
    const nextStep = this.#nextStep;
    this.#saved = { nextStep, state };
    this.#connection.progressed();
    yield { type: 'checkpoint', nextStep, state };
  }

  /** Steps first..end-1, all of one epoch, as long as `more` says so; an event for each that had none before. */
  async *#steps(first: number, end: number, more: () => boolean, signal?: AbortSignal): AsyncGenerator<StepEvent> {
    const { training } = this.#plan;
    const epoch = Math.floor(first / training.count);
    const image = (step: number) => this.#order.of(epoch)[step - epoch * training.count]!;
    const counted = this.link.hello.clockHz > 0;
    function* frames(): Generator<StepFrame> {
      for (let step = first; step < end && more(); step += 1) {
        const index = image(step);
        const ledger = counted && isSampled(step - epoch * training.count, training.count);
        yield { label: training.label(index), image: training.input(index), ledger };
      }
    }
    const session = { sessionId: this.sessionId, firstStep: first };
    for await (const result of this.link.steps(session, frames(), signal ? { signal } : {})) {
      if (result.step < this.#nextStep) continue;
      this.#nextStep = result.step + 1;
      this.#connection.progressed();
      this.#onResult(result);
      yield this.#stepEvent(epoch, result, training.label(image(result.step)));
    }
  }

  #stepEvent(epoch: number, result: StepResult, label: number): StepEvent {
    return {
      type: 'step',
      step: result.step,
      epoch,
      label,
      prediction: result.prediction,
      correct: result.prediction === label,
      lossZero: result.lossZero,
      cycles: this.link.hello.clockHz > 0 ? result.cycles : null,
    };
  }

  async #stillHeld(): Promise<boolean> {
    const { link, sessionId } = this;
    const held = this.#held;
    if (held === undefined || held.bootId !== link.hello.bootId) return false;
    try {
      await link.request('startSession', { sessionId, nextStep: held.firstStep });
    } catch (error) {
      if (error instanceof DeviceError && error.code === 'WRONG_ORDER') return false;
      throw error;
    }
    // Beyond the window nothing was ever sent: a device further ahead is not ours to go on with.
    return link.nextStep >= this.#saved.nextStep && link.nextStep - this.#nextStep <= KEPT_RESULTS;
  }

  async #upload(signal: AbortSignal | undefined): Promise<void> {
    const { link, sessionId } = this;
    const { nextStep, state } = this.#saved;
    this.#held = undefined;
    const { memoryLimitBytes, cores = 1 } = this.#plan;
    const bits = this.#bitsNarrowerAt(nextStep);
    const { network, settings } = withNarrowerSteps(this.#plan, bits);
    const options = { signal, cores, ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }) };
    this.#memoryPlan = await putNetwork(link, network, settings, state, options);
    await link.request('startSession', { sessionId, nextStep });
    this.#held = { bootId: link.hello.bootId, firstStep: nextStep, bitsNarrower: bits };
  }

  #bitsNarrowerAt(step: number): number {
    return bitsNarrower(this.#plan.narrowing ?? [], Math.floor(step / this.#plan.training.count));
  }

  #recovered(): FaultEvent {
    return this.#fault('RECOVERED', `the device is back; it goes on before step ${this.#nextStep}`);
  }

  #fault(code: string, message: string): FaultEvent {
    return { type: 'fault', code, message, step: this.#nextStep };
  }
}
