/** A training session: epochs of steps, evaluations and checkpoints, as a stream of typed events. */
import type { Link } from '../link/link.js';
import type { MemoryPlan, StepResult } from '../link/messages.js';
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';
import type { CyclesEvent, EpochEvent, LinkEvent, MemoryEvent, RunEvent, StepEvent } from '../runs/events.js';
import { evaluate } from './evaluation.js';
import type { InputImages } from './input-images.js';
import { putNetwork, readState } from './network-on-device.js';
import { EpochOrder } from './random.js';
import { sessionIdOf } from './session-id.js';

/** Between checkpoints within an epoch, of the device's clock. */
export const CHECKPOINT_INTERVAL_MS = 30_000;

/** Everything that decides what a session computes. */
export interface TrainingPlan {
  readonly network: Network;
  readonly settings: MethodSettings;
  /** Learned state before the first step, canonical order. */
  readonly initialState: Int8Array;
  readonly seed: number;
  readonly epochs: number;
  /** One epoch is one pass over all of them. */
  readonly training: InputImages;
  /** All test images there are. */
  readonly test: InputImages;
  /** Test images after an epoch. */
  readonly evalSamples: number;
  /** Epochs from one evaluation to the next; left out: 1. The last epoch always has one. */
  readonly evalEvery?: number;
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

export type SessionEvent = RunEvent | CheckpointEvent | EvaluationProgress;

/** Of the session that `plan` begins; checkpoints carry it. */
export function planSessionId(plan: TrainingPlan): Uint8Array {
  return sessionIdOf(plan.network, plan.settings, plan.seed, plan.initialState);
}

export function totalSteps(plan: TrainingPlan): number {
  return plan.epochs * plan.training.count;
}

/** A network open on a device for training. */
export class TrainingSession {
  private nextStep: number;
  private readonly order: EpochOrder;

  private constructor(
    private readonly link: Link,
    private readonly plan: TrainingPlan,
    private readonly start: TrainingStart,
    readonly sessionId: Uint8Array,
    readonly memory: MemoryPlan,
  ) {
    this.nextStep = start.nextStep;
    this.order = new EpochOrder(plan.seed, plan.training.count);
  }

  /** Opens and uploads the network, then begins the session on the device. @throws what putNetwork throws */
  static async open(
    link: Link,
    plan: TrainingPlan,
    start: TrainingStart,
    signal?: AbortSignal,
  ): Promise<TrainingSession> {
    const sessionId = planSessionId(plan);
    const memory = await putNetwork(link, plan.network, plan.settings, start.state, { signal });
    await link.request('startSession', { sessionId, nextStep: start.nextStep });
    return new TrainingSession(link, plan, start, sessionId, memory);
  }

  /**
   * Trains to the end. A checkpoint comes at every end of an epoch, at most every CHECKPOINT_INTERVAL_MS in between,
   * and when `signal` aborts, whose reason is thrown after it.
   */
  async *run(signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const { plan } = this;
    yield* this.evaluate(-1, [plan.finalSamples], signal);
    const firstEpoch = Math.max(Math.ceil(this.nextStep / plan.training.count) - 1, 0);
    for (let epoch = firstEpoch; epoch < plan.epochs; epoch += 1) {
      yield* this.trainEpoch(epoch, signal);
      const last = epoch === plan.epochs - 1;
      if (last) yield* this.evaluate(epoch, [plan.evalSamples, plan.finalSamples], signal);
      else if ((epoch + 1) % (plan.evalEvery ?? 1) === 0) yield* this.evaluate(epoch, [plan.evalSamples], signal);
      yield this.linkEvent();
    }
    yield await this.memoryEvent();
  }

  private async *trainEpoch(epoch: number, signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const end = (epoch + 1) * this.plan.training.count;
    const cycles = emptyCycles(epoch);
    while (this.nextStep < end) {
      signal.throwIfAborted();
      yield* this.trainUntilCheckpoint(epoch, end, cycles, signal);
      const stops = this.nextStep === end || signal.aborted;
      if (stops && this.link.hello.clockHz > 0 && cycles.steps > 0) yield cycles;
      yield { type: 'checkpoint', nextStep: this.nextStep, state: await readState(this.link, this.plan.network) };
      signal.throwIfAborted();
    }
  }

  private async *trainUntilCheckpoint(
    epoch: number,
    end: number,
    cycles: CyclesEvent,
    signal: AbortSignal,
  ): AsyncGenerator<StepEvent> {
    const { link, plan, sessionId } = this;
    const { clock } = link.device;
    const order = this.order.of(epoch);
    const epochStart = epoch * plan.training.count;
    const checkpointDueMs = clock.nowMs() + CHECKPOINT_INTERVAL_MS;
    const firstStep = this.nextStep;
    function* frames() {
      for (let step = firstStep; step < end && clock.nowMs() < checkpointDueMs; step += 1) {
        const image = order[step - epochStart]!;
        yield { label: plan.training.label(image), image: plan.training.input(image) };
      }
    }
    for await (const result of link.steps({ sessionId, firstStep }, frames(), { signal })) {
      this.nextStep = result.step + 1;
      addCycles(cycles, result);
      yield this.stepEvent(epoch, result, plan.training.label(order[result.step - epochStart]!));
    }
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
  ): AsyncGenerator<EpochEvent | EvaluationProgress> {
    const wanted = new Set(marks.filter((images) => !this.start.isRecorded(epoch, images)));
    const total = Math.max(0, ...wanted);
    const frozen = epoch < 0;
    for await (const { images, correct } of evaluate(this.link, this.plan.test, total, { frozen, signal })) {
      yield { type: 'evaluation', epoch, images, of: total, correct };
      if (wanted.has(images)) {
        const accuracy = correct / images;
        yield { type: 'epoch', epoch, images, correct, accuracy, imageSet: this.plan.test.name };
      }
    }
  }

  private linkEvent(): LinkEvent {
    const { frames, crcErrors, retries, timeouts, roundTripMs } = this.link.statistics;
    return { type: 'link', frames, crcErrors, retries, timeouts, roundTripMs };
  }

  private async memoryEvent(): Promise<MemoryEvent> {
    const { memory } = this;
    const statistics = await this.link.request('readStatistics', {});
    return {
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
