/** A training session: epochs of steps, evaluations and checkpoints, as a stream of typed events. */
import { DeviceError } from '../errors.js';
import { Connection } from '../link/connection.js';
import type { Link } from '../link/link.js';
import { arenaOf } from '../link/memory-account.js';
import type { MemoryPlan, StepResult } from '../link/messages.js';
import { outputCount } from '../network/network-shape.js';
import type {
  CyclesEvent,
  FaultEvent,
  LinkEvent,
  MemoryEvent,
  RunEvent,
  ScoresEvent,
  StepEvent,
} from '../runs/events.js';
import { scoresEvent } from '../runs/score-histogram.js';
import { type EvaluationCount, evaluate } from './evaluation.js';
import { isWholeNetwork, judge, wholeNetwork } from './guard.js';
import type { InputImages } from './input-images.js';
import { LayerLedger } from './layer-ledger.js';
import type { TrainingPlan, TrainingStart } from './plan.js';
import { Predictions } from './predictions.js';
import { type CheckpointEvent, SessionOnDevice } from './session-on-device.js';

/** The time between checkpoints within an epoch, in milliseconds of the device's clock. */
export const CHECKPOINT_INTERVAL_MS = 30_000;

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

/** The schedule of a session: what is trained, evaluated and saved, and when. */
export class TrainingSession {
  private cycles = emptyCycles(0);
  private ledger: LayerLedger;
  /** Faults that happened before `run`. */
  private earlyFaults: FaultEvent[] = [];
  private readonly device: SessionOnDevice;

  private constructor(
    private readonly connection: Connection,
    private readonly plan: TrainingPlan,
    private readonly start: TrainingStart,
    private readonly trainingId: Uint8Array | undefined,
  ) {
    this.ledger = new LayerLedger(0, plan.network);
    this.device = new SessionOnDevice(connection, plan, start, (result) => {
      addCycles(this.cycles, result);
      this.ledger.add(result);
    });
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
    const session = new TrainingSession(connection, plan, start, trainingId);
    const { device, earlyFaults } = session;
    for await (const event of device.persistently(() => device.resync(signal), signal)) {
      if (event.type === 'fault') earlyFaults.push(event);
    }
    return session;
  }

  get sessionId(): Uint8Array {
    return this.device.sessionId;
  }

  /** The plan of the network as it was put on the device last. */
  get memoryPlan(): MemoryPlan {
    return this.device.memoryPlan;
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
    const { plan, device } = this;
    yield* this.earlyFaults;
    yield* this.evaluate(-1, [plan.evalSamples, plan.finalSamples], signal);
    yield* this.evaluateSource(-1, signal);
    yield* this.evaluateInitial(signal);
    if (device.nextStep === 0) yield* this.scores(-1, plan.initialState);
    const firstEpoch = Math.max(Math.ceil(device.nextStep / plan.training.count) - 1, 0);
    for (let epoch = firstEpoch; epoch < plan.epochs; epoch += 1) {
      yield* this.trainEpoch(epoch, signal);
      const last = epoch === plan.epochs - 1;
      if (last) {
        yield* this.guard(epoch, signal);
        yield* this.evaluate(epoch, [plan.evalSamples, plan.finalSamples], signal);
        yield* this.evaluateSource(epoch, signal);
      } else if ((epoch + 1) % (plan.evalEvery ?? 1) === 0) yield* this.evaluate(epoch, [plan.evalSamples], signal);
      yield this.linkEvent();
    }
    yield* device.persistently(() => this.memoryEvent(), signal);
  }

  /** Puts the whole network in the place of what was learned, unless that helps on images that were left out. */
  private async *guard(epoch: number, signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const { guard, network } = this.plan;
    if (guard === undefined || isWholeNetwork(this.device.savedState)) return;
    const counts = (frozen: boolean) => this.counts(guard, guard.count, { frozen }, signal);
    for await (const event of judge(epoch, guard, counts)) {
      if (event.type === 'guard' && !event.kept) {
        const whole = wholeNetwork(network.weights.length);
        yield* this.device.persistently(() => this.device.replace(whole, signal), signal);
      }
      yield event;
    }
  }

  private async *trainEpoch(epoch: number, signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const { device, trainingId } = this;
    const end = (epoch + 1) * this.plan.training.count;
    this.cycles = emptyCycles(epoch);
    this.ledger = new LayerLedger(epoch, this.plan.network);
    while (device.nextStep < end) {
      signal.throwIfAborted();
      yield* device.persistently(() => this.trainUntilCheckpoint(end, signal), signal);
      const stops = device.nextStep === end || signal.aborted;
      if (stops && this.link.hello.clockHz > 0 && this.cycles.steps > 0) {
        yield this.cycles;
        const layers = this.ledger.event();
        if (layers !== undefined) yield layers;
      }
      yield* device.persistently(() => this.saveState(epoch, end), signal);
      if (signal.aborted) yield this.linkEvent();
      if (trainingId && device.nextStep === end) {
        yield* device.persistently(() => this.saveOnDevice(trainingId), signal);
      }
      signal.throwIfAborted();
    }
  }

  private trainUntilCheckpoint(end: number, signal: AbortSignal): AsyncIterable<StepEvent> {
    const { clock } = this.link.device;
    const checkpointDueMs = clock.nowMs() + CHECKPOINT_INTERVAL_MS;
    return this.device.train(end, () => clock.nowMs() < checkpointDueMs, signal);
  }

  private async *saveState(epoch: number, end: number): AsyncGenerator<SessionEvent> {
    for await (const event of this.device.checkpoint()) {
      yield event;
      if (event.type === 'checkpoint' && event.nextStep === end) yield* this.scores(epoch, event.state);
    }
  }

  /** How the scores of a state are spread; nothing of methods that learn weights. */
  private *scores(epoch: number, state: Int8Array): Generator<ScoresEvent> {
    const { network, settings } = this.plan;
    const { method, threshold, scored } = settings;
    if (method === 'priot' || method === 'priot-s') yield scoresEvent(epoch, network, state, threshold, scored);
  }

  /** Flash that is worn out ends no session: the run folder has its own checkpoint. */
  private async *saveOnDevice(trainingId: Uint8Array): AsyncGenerator<DeviceCheckpointEvent | FaultEvent> {
    const { sessionId, nextStep } = this.device;
    try {
      const { sequence } = await this.link.request('saveCheckpoint', { sessionId, trainingId, nextStep });
      this.connection.progressed();
      yield { type: 'device-checkpoint', nextStep, sequence };
    } catch (error) {
      if (!(error instanceof DeviceError && error.code === 'FLASH_FAILED')) throw error;
      yield { type: 'fault', code: error.code, message: `${error.message}; the one before stands`, step: nextStep };
    }
  }

  /** One pass with the initial scores, before the first step; PRIOT's prune edges from the start. */
  private async *evaluateInitial(signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const { plan, device, start } = this;
    if (plan.settings.method !== 'priot' || device.nextStep > 0 || start.isInitialRecorded) return;
    for await (const event of this.counts(plan.test, plan.evalSamples, { frozen: false }, signal)) {
      if ('type' in event) {
        yield event;
        continue;
      }
      const { images, correct } = event;
      yield { type: 'evaluation', epoch: -1, images, of: plan.evalSamples, correct };
      if (images < plan.evalSamples) continue;
      yield { type: 'initial', images, correct, accuracy: correct / images, imageSet: plan.test.name };
    }
  }

  /** One pass over images that are not shifted, unless it is recorded. Epoch -1: frozen network. */
  private async *evaluateSource(epoch: number, signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const { source } = this.plan;
    if (source === undefined || this.start.isRecorded(epoch, source.count, 'source')) return;
    for await (const event of this.counts(source, source.count, { frozen: epoch < 0 }, signal)) {
      if ('type' in event) {
        yield event;
        continue;
      }
      const { images, correct } = event;
      yield { type: 'evaluation', epoch, images, of: source.count, correct };
      if (images < source.count) continue;
      yield { type: 'source', epoch, images, correct, accuracy: correct / images, imageSet: source.name };
    }
  }

  /** Counts of one pass over the first `total` images, and the faults on the way. */
  private async *counts(
    images: InputImages,
    total: number,
    { frozen, logits = false }: { frozen: boolean; logits?: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<EvaluationCount | StepEvent | FaultEvent> {
    let from: EvaluationCount = { images: 0, correct: 0 };
    const counted = () => evaluate(this.link, images, total, { frozen, logits, from, signal });
    for await (const event of this.device.persistently(counted, signal)) {
      if (!('type' in event)) {
        from = event;
        this.connection.progressed();
      }
      yield event;
    }
  }

  /** One pass; an EpochEvent at each of the ascending `marks` that is not recorded yet. Epoch -1: frozen network. */
  private async *evaluate(epoch: number, marks: readonly number[], signal: AbortSignal): AsyncGenerator<SessionEvent> {
    const predictions = new Predictions(this.plan.test, outputCount(this.plan.network));
    const wanted = new Set(marks.filter((images) => !this.start.isRecorded(epoch, images)));
    const total = Math.max(0, ...wanted);
    const last = epoch === this.plan.epochs - 1;
    for await (const event of this.counts(this.plan.test, total, { frozen: epoch < 0, logits: last }, signal)) {
      if ('type' in event) {
        yield event;
        continue;
      }
      const { images, correct, prediction, logits } = event;
      predictions.add(prediction!, logits);
      yield { type: 'evaluation', epoch, images, of: total, correct };
      if (last && images === total) {
        yield predictions.confusion(epoch);
        yield predictions.mistakes(epoch);
      }
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
    // the simulator has none of these memories, and says 0
    const there = this.link.hello.sramBytes > 0;
    yield {
      type: 'memory',
      sramTotal: there ? this.link.hello.sramBytes : null,
      static: there ? statistics.staticBytes : null,
      code: there && statistics.codeBytes > 0 ? statistics.codeBytes : null,
      stackHighWater: there ? statistics.stackHighWaterBytes : null,
      arena: arenaOf(memory),
      flash: there ? statistics.flashBytes + memory.flashBytes : null,
      flashImage: there ? statistics.flashBytes : null,
      flashTotal: there ? this.link.hello.flashBytes : null,
      flashForWeights: there ? this.link.hello.weightsFlashBytes : null,
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
