/** A training session: epochs of steps, evaluations and checkpoints, as a stream of typed events. */
import { DeviceError } from '../errors.js';
import { Connection } from '../link/connection.js';
import type { Link, StepFrame } from '../link/link.js';
import type { MemoryPlan, StepResult } from '../link/messages.js';
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';
import { EpochOrder } from '../random.js';
import type {
  CyclesEvent,
  EpochEvent,
  FaultEvent,
  LinkEvent,
  MemoryEvent,
  RunEvent,
  StepEvent,
} from '../runs/events.js';
import { type EvaluationCount, evaluate } from './evaluation.js';
import type { InputImages } from './input-images.js';
import { bitsNarrower, withNarrowerSteps } from './narrowing.js';
import { putNetwork, readState } from './network-on-device.js';
import { sessionIdOf } from './session-id.js';

/** Between checkpoints within an epoch, of the device's clock. */
export const CHECKPOINT_INTERVAL_MS = 30_000;

/** The device keeps as many results of past steps (docs/wire.md). */
const KEPT_RESULTS = 16;

/** Between checkpoints while steps are repeated. */
const REPLAY_STEPS = 128;

/** Everything that decides what a session computes. */
export interface TrainingPlan {
  readonly network: Network;
  readonly settings: MethodSettings;
  /** Learned state before the first step, canonical order. */
  readonly initialState: Int8Array;
  readonly seed: number;
  readonly epochs: number;
  /** Epochs after each of which steps are a bit narrower, ascending; left out: none. */
  readonly narrowing?: readonly number[];
  /** One epoch is one pass over all of them. */
  readonly training: InputImages;
  /** All test images there are. */
  readonly test: InputImages;
  /** Test images after an epoch. */
  readonly evalSamples: number;
  /** Epochs from one evaluation to the next; left out: 1. The last epoch always has one. */
  readonly evalEvery?: number;
  /** Most bytes of the device's arena to plan with; absent: all there are. */
  readonly memoryLimitBytes?: number;
  /** Test images before the first and after the last epoch, at least evalSamples. */
  readonly finalSamples: number;
}

/** Where a session begins: at step 0, or at a checkpoint. */
export interface TrainingStart {
  readonly nextStep: number;
  readonly state: Int8Array;
  /** Whether an earlier part of the run has recorded this evaluation already. */
  isRecorded(epoch: number, images: number): boolean;
}

/** The learned state before step `nextStep`, read back from the device. */
export interface CheckpointEvent {
  type: 'checkpoint';
  nextStep: number;
  state: Int8Array;
}

/** An evaluation under way; its end is an EpochEvent. */
export interface EvaluationProgress {
  type: 'evaluation';
  epoch: number;
  images: number;
  of: number;
  correct: number;
}

/** The device keeps the learned state before step `nextStep` in its own flash. */
export interface DeviceCheckpointEvent {
  type: 'device-checkpoint';
  nextStep: number;
  /** How many saves the board has had. */
  sequence: number;
}

export type SessionEvent = RunEvent | CheckpointEvent | DeviceCheckpointEvent | EvaluationProgress;

/** Of the session that `plan` begins; checkpoints carry it. */
export function planSessionId(plan: TrainingPlan): Uint8Array {
  return sessionIdOf(plan.network, plan.settings, plan.seed, plan.initialState, plan.narrowing);
}

export function totalSteps(plan: TrainingPlan): number {
  return plan.epochs * plan.training.count;
}

/** Of a run that has recorded nothing yet. */
export function startAtZero(plan: TrainingPlan): TrainingStart {
  return { nextStep: 0, state: plan.initialState, isRecorded: () => false };
}

/** A network open on a device for training, and opened again after each loss of the device. */
export class TrainingSession {
  /** The step after the last one whose result is here. */
  private nextStep: number;
  private readonly order: EpochOrder;
  /** The learned state before a step, from which a device that was reset goes on. */
  private saved: { nextStep: number; state: Int8Array };
  /** What the device holds: which boot of it, the step its session began at, its steps; undefined: nothing certain. */
  private onDevice: { bootId: number; firstStep: number; bitsNarrower: number } | undefined;
  private plannedMemory: MemoryPlan | undefined;
  private cycles = emptyCycles(0);
  /** Of the time before `run`. */
  private earlyFaults: FaultEvent[] = [];

  private constructor(
    private readonly connection: Connection,
    private readonly plan: TrainingPlan,
    private readonly start: TrainingStart,
    readonly sessionId: Uint8Array,
    private readonly trainingId: Uint8Array | undefined,
  ) {
    this.nextStep = start.nextStep;
    this.saved = start;
    this.order = new EpochOrder(plan.seed, plan.training.count);
  }

  /**
   * Opens and uploads the network, then begins the session on the device. Over a Link, a lost device ends the session;
   * over a Connection the session goes on when the device is back.
   * @param trainingId the device keeps a checkpoint of its own, too, at every end of an epoch, under this id
   * @throws what putNetwork throws
   */
  static async open(
    over: Link | Connection,
    plan: TrainingPlan,
    start: TrainingStart,
    signal?: AbortSignal,
    trainingId?: Uint8Array,
  ): Promise<TrainingSession> {
    const connection = over instanceof Connection ? over : Connection.over(over);
    const session = new TrainingSession(connection, plan, start, planSessionId(plan), trainingId);
    const { earlyFaults } = session;
    for await (const event of session.persist(() => session.takeUp(signal), signal)) {
      if (event.type === 'fault') earlyFaults.push(event);
    }
    return session;
  }

  /** Of the network as it was put on the device last. */
  get memoryPlan(): MemoryPlan {
    return this.plannedMemory!;
  }

  private get link(): Link {
    return this.connection.link;
  }

  /**
   * Trains to the end. A checkpoint comes at every end of an epoch, at most every CHECKPOINT_INTERVAL_MS in between,
   * and when `signal` aborts, whose reason is thrown after it. A loss of the device is a FaultEvent; every step and every
   * evaluation comes once all the same.
   */
  async *run(signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const { plan } = this;
    yield* this.earlyFaults;
    yield* this.evaluate(-1, [plan.finalSamples], signal);
    const firstEpoch = Math.max(Math.ceil(this.nextStep / plan.training.count) - 1, 0);
    for (let epoch = firstEpoch; epoch < plan.epochs; epoch += 1) {
      yield* this.trainEpoch(epoch, signal);
      const last = epoch === plan.epochs - 1;
      if (last) yield* this.evaluate(epoch, [plan.evalSamples, plan.finalSamples], signal);
      else if ((epoch + 1) % (plan.evalEvery ?? 1) === 0) yield* this.evaluate(epoch, [plan.evalSamples], signal);
      yield this.linkEvent();
    }
    yield* this.persist(() => this.memoryEvent(), signal);
  }

  private async *trainEpoch(epoch: number, signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const end = (epoch + 1) * this.plan.training.count;
    this.cycles = emptyCycles(epoch);
    while (this.nextStep < end) {
      signal.throwIfAborted();
      yield* this.persist(() => this.trainUntilCheckpoint(end, signal), signal);
      const stops = this.nextStep === end || signal.aborted;
      if (stops && this.link.hello.clockHz > 0 && this.cycles.steps > 0) yield this.cycles;
      yield* this.persist(() => this.checkpoint(), signal);
      const { trainingId } = this;
      if (trainingId && this.nextStep === end) yield* this.persist(() => this.saveOnDevice(trainingId), signal);
      signal.throwIfAborted();
    }
  }

  private bitsNarrowerAt(step: number): number {
    return bitsNarrower(this.plan.narrowing ?? [], Math.floor(step / this.plan.training.count));
  }

  private async *trainUntilCheckpoint(end: number, signal: AbortSignal): AsyncGenerator<StepEvent> {
    // Steps change between epochs alone, and an epoch ends with a checkpoint: the network is opened anew with it.
    // A recovery may have brought the last steps of this one.
    if (this.nextStep === end) return;
    if (this.onDevice?.bitsNarrower !== this.bitsNarrowerAt(this.nextStep)) await this.upload(signal);
    const { clock } = this.link.device;
    const checkpointDueMs = clock.nowMs() + CHECKPOINT_INTERVAL_MS;
    yield* this.trainSteps(this.nextStep, end, () => clock.nowMs() < checkpointDueMs, signal);
  }

  /** Steps first..end-1, all of one epoch, as long as `more` says so; an event for each that had none before. */
  private async *trainSteps(
    first: number,
    end: number,
    more: () => boolean,
    signal?: AbortSignal,
  ): AsyncGenerator<StepEvent> {
    const { plan, sessionId } = this;
    const epoch = Math.floor(first / plan.training.count);
    const image = (step: number) => this.order.of(epoch)[step - epoch * plan.training.count]!;
    function* frames(): Generator<StepFrame> {
      for (let step = first; step < end && more(); step += 1) {
        const index = image(step);
        yield { label: plan.training.label(index), image: plan.training.input(index) };
      }
    }
    for await (const result of this.link.steps({ sessionId, firstStep: first }, frames(), signal ? { signal } : {})) {
      if (result.step < this.nextStep) continue;
      this.nextStep = result.step + 1;
      this.connection.progressed();
      addCycles(this.cycles, result);
      yield this.stepEvent(epoch, result, plan.training.label(image(result.step)));
    }
  }

  private async *checkpoint(): AsyncGenerator<CheckpointEvent | StepEvent> {
    let state = await readState(this.link, this.plan.network);
    // Not before every step that the device has applied is confirmed.
    while (this.link.nextStep > this.nextStep) {
      yield* this.trainSteps(this.nextStep, this.link.nextStep, () => true);
      state = await readState(this.link, this.plan.network);
    }
    const { nextStep } = this;
    this.saved = { nextStep, state };
    this.connection.progressed();
    yield { type: 'checkpoint', nextStep, state };
  }

  /** Flash that is worn out ends no session: the run folder has its own checkpoint. */
  private async *saveOnDevice(trainingId: Uint8Array): AsyncGenerator<DeviceCheckpointEvent | FaultEvent> {
    const { sessionId, nextStep } = this;
    try {
      const { sequence } = await this.link.request('saveCheckpoint', { sessionId, trainingId, nextStep });
      this.connection.progressed();
      yield { type: 'device-checkpoint', nextStep, sequence };
    } catch (error) {
      if (!(error instanceof DeviceError && error.code === 'FLASH_FAILED')) throw error;
      yield { type: 'fault', code: error.code, message: `${error.message}; the one before stands`, step: nextStep };
    }
  }

  /** Does `work` until it has run to its end: after each loss of the device it is begun anew, where it has got to. */
  private async *persist<E>(
    work: () => AsyncIterable<E>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<E | StepEvent | FaultEvent> {
    let lost = false;
    for (;;) {
      try {
        if (lost) {
          yield* this.takeUp(signal);
          yield this.recovered();
          lost = false;
        }
        return yield* work();
      } catch (error) {
        if (!this.connection.canRecover(error)) throw error;
        yield { type: 'fault', code: error.code, message: error.message, step: this.nextStep };
        lost = true;
        await this.connection.recover(error, signal);
      }
    }
  }

  private recovered(): FaultEvent {
    const step = this.nextStep;
    return { type: 'fault', code: 'RECOVERED', message: `the device is back; it goes on before step ${step}`, step };
  }

  /**
   * Brings the device to where the host is. A device that still holds the session only lacks, or is ahead by, what was on
   * its way; any other gets network and state of the last checkpoint, and the steps since then.
   */
  private async *takeUp(signal: AbortSignal | undefined): AsyncGenerator<StepEvent> {
    if (!(await this.stillHeld())) await this.upload(signal);
    const ahead = this.link.nextStep;
    // Steps that the host has results of are repeated without a word. They are saved in between, so that a board that is
    // reset again and again gets on all the same.
    for (let step = ahead; step < this.nextStep; ) {
      const end = Math.min(this.nextStep, step + REPLAY_STEPS);
      yield* this.trainSteps(step, end, () => true);
      this.saved = { nextStep: end, state: await readState(this.link, this.plan.network) };
      this.connection.progressed();
      step = end;
    }
    // Results that were lost on their way are asked for again.
    yield* this.trainSteps(this.nextStep, ahead, () => true);
  }

  private async stillHeld(): Promise<boolean> {
    const { link, onDevice, sessionId } = this;
    if (onDevice === undefined || onDevice.bootId !== link.hello.bootId) return false;
    try {
      await link.request('startSession', { sessionId, nextStep: onDevice.firstStep });
    } catch (error) {
      if (error instanceof DeviceError && error.code === 'WRONG_ORDER') return false;
      throw error;
    }
    // Beyond the window nothing was ever sent: a device further ahead is not ours to go on with.
    return link.nextStep >= this.saved.nextStep && link.nextStep - this.nextStep <= KEPT_RESULTS;
  }

  private async upload(signal: AbortSignal | undefined): Promise<void> {
    const { plan, link, saved, sessionId } = this;
    this.onDevice = undefined;
    const { memoryLimitBytes } = plan;
    const bits = this.bitsNarrowerAt(saved.nextStep);
    const { network, settings } = withNarrowerSteps(plan, bits);
    const options = { signal, ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }) };
    this.plannedMemory = await putNetwork(link, network, settings, saved.state, options);
    await link.request('startSession', { sessionId, nextStep: saved.nextStep });
    this.onDevice = { bootId: link.hello.bootId, firstStep: saved.nextStep, bitsNarrower: bits };
  }

  private stepEvent(epoch: number, result: StepResult, label: number): StepEvent {
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

  /** One pass; an EpochEvent at each of the ascending `marks` that is not recorded yet. Epoch -1: frozen network. */
  private async *evaluate(
    epoch: number,
    marks: readonly number[],
    signal: AbortSignal,
  ): AsyncGenerator<EpochEvent | EvaluationProgress | StepEvent | FaultEvent> {
    const wanted = new Set(marks.filter((images) => !this.start.isRecorded(epoch, images)));
    const total = Math.max(0, ...wanted);
    const frozen = epoch < 0;
    let from: EvaluationCount = { images: 0, correct: 0 };
    const counts = () => evaluate(this.link, this.plan.test, total, { frozen, from, signal });
    for await (const event of this.persist(counts, signal)) {
      if ('type' in event) {
        yield event;
        continue;
      }
      from = event;
      this.connection.progressed();
      const { images, correct } = event;
      yield { type: 'evaluation', epoch, images, of: total, correct };
      if (wanted.has(images)) {
        const accuracy = correct / images;
        yield { type: 'epoch', epoch, images, correct, accuracy, imageSet: this.plan.test.name };
      }
    }
  }

  private linkEvent(): LinkEvent {
    const { frames, crcErrors, retries, timeouts, roundTripMs } = this.connection.statistics;
    return { type: 'link', frames, crcErrors, retries, timeouts, roundTripMs };
  }

  private async *memoryEvent(): AsyncGenerator<MemoryEvent> {
    const memory = this.memoryPlan;
    const statistics = await this.link.request('readStatistics', {});
    yield {
      type: 'memory',
      sramTotal: this.link.hello.sramBytes,
      static: statistics.staticBytes,
      stackHighWater: statistics.stackHighWaterBytes,
      arena: {
        weights: memory.weightsBytes,
        state: memory.stateBytes,
        activations: memory.activationBytes,
        errors: memory.errorBytes,
        other: memory.otherBytes,
      },
      flash: statistics.flashBytes + memory.flashBytes,
    };
  }
}

function emptyCycles(epoch: number): CyclesEvent {
  return {
    type: 'cycles',
    epoch,
    steps: 0,
    activeSteps: 0,
    computeCycles: 0,
    forwardCycles: 0,
    wireCycles: 0,
    idleCycles: 0,
  };
}

function addCycles(sum: CyclesEvent, result: StepResult): void {
  sum.steps += 1;
  if (!result.lossZero) sum.activeSteps += 1;
  sum.computeCycles += result.cycles;
  sum.forwardCycles += result.forwardCycles;
  sum.wireCycles += result.wireCycles;
  sum.idleCycles += result.idleCycles;
}
