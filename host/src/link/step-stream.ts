/**
 * Training steps, exactly once and in order, over a line that may lose or repeat what it carries.
 *
 * The device applies step n only when n is its next, so repeating a step is always safe: it is applied, answered
 * ALREADY_APPLIED with the result it had, or answered GAP. A frame is kept until its result is here. Every transmission
 * has a request id of its own, so an answer tells which one it is about.
 */
import { DeviceError, type PriotError } from '../errors.js';
import type { Conversation, Exchange } from './exchange.js';
import { failureError } from './failures.js';
import { type DeviceMessage, encodeStep, FailureCode, type StepResult } from './messages.js';
import { ResultQueue } from './result-queue.js';

/** One training step's input: `image` is int8 0..127, HWC. */
export interface StepFrame {
  label: number;
  image: Uint8Array;
  /** Asks for logits, loss gradient and checksums in the result. */
  detail?: boolean;
  /** Asks for the cycles of every layer and phase in the result. */
  ledger?: boolean;
}

/** The session the steps belong to. */
export interface StepSession {
  /** 8 bytes, as given to startSession. */
  sessionId: Uint8Array;
  /** The number of the first frame. */
  firstStep: number;
}

/** Silence before the oldest step is sent again, doubled each time, and how often. */
const SILENCE_MS = 2_000;
const MAX_SILENCES = 5;
/** How often the stream goes back to the same step before it gives up. */
const MAX_ATTEMPTS = 32;

interface KeptFrame extends StepFrame {
  /** The request ids of its transmissions. */
  requestIds: number[];
}

export class StepStream implements Conversation {
  readonly results: ResultQueue<StepResult>;
  readonly #exchange: Exchange;
  readonly #session: StepSession;
  readonly #bootId: number;
  readonly #signal: AbortSignal | undefined;
  readonly #source: Iterator<StepFrame>;
  #stopped = false;

  /** Frames from #base on, kept until confirmed. */
  readonly #frames = new Map<number, KeptFrame>();
  readonly #transmissions = new Map<number, { step: number; round: number }>();
  /** Results that came before those of earlier steps. */
  readonly #early = new Map<number, StepResult>();
  /** The oldest step without a result; the step to send next; the first one not pulled yet. */
  #base: number;
  #cursor: number;
  #pulled: number;
  /** Steps below may be sent. */
  #windowEnd: number;
  /** The most steps the device ever let be open: it keeps as many results. */
  #windowSteps: number;
  /** Counts the times the stream went back: what an earlier round is told about gaps is known. */
  #round = 0;
  #attempts = 0;
  #silences = 0;
  #sentAtMs = 0;
  #stuckSinceMs: number;

  constructor(
    exchange: Exchange,
    session: StepSession,
    bootId: number,
    frames: Iterable<StepFrame>,
    signal?: AbortSignal,
  ) {
    this.#exchange = exchange;
    this.#session = session;
    this.#bootId = bootId;
    this.#signal = signal;
    this.#source = frames[Symbol.iterator]();
    this.#base = session.firstStep;
    this.#cursor = session.firstStep;
    this.#pulled = session.firstStep;
    this.#stuckSinceMs = exchange.device.clock.nowMs();
    // A step is always let through: its answer tells the window.
    this.#windowEnd = session.firstStep + 1;
    this.#windowSteps = 1;
    this.results = new ResultQueue(
      () => {
        this.#openWindow(exchange.nextStep, exchange.windowEnd);
        this.#fill();
      },
      () => {
        this.#stop();
        this.#endWhenQuiet();
      },
    );
  }

  get name(): string {
    return `step ${this.#base}`;
  }

  get deadlineMs(): number {
    return Math.max(this.#sentAtMs, this.#exchange.answeredAtMs) + SILENCE_MS * 2 ** this.#silences;
  }

  answered(requestId: number, { body, nextStep, windowEnd }: DeviceMessage): void {
    const transmission = this.#transmissions.get(requestId);
    this.#transmissions.delete(requestId);
    if (!transmission || this.results.ended) return;
    this.#openWindow(nextStep, windowEnd);
    if (body.kind === 'stepResult' && body.value.step === transmission.step) {
      this.#accept(body.value);
      this.#fill();
    } else if (body.kind === 'gap') {
      if (transmission.round === this.#round) this.#goBack(Math.min(body.value.nextStep, transmission.step));
    } else if (body.kind === 'failure') {
      if (body.value.code !== FailureCode.FAILURE_CODE_BEYOND_WINDOW) {
        this.#end(failureError(body.value, `step ${transmission.step}`));
      } else if (transmission.round === this.#round) {
        this.#windowEnd = windowEnd;
        this.#goBack(Math.min(nextStep, transmission.step));
      }
    } else {
      this.#end(
        new DeviceError('UNEXPECTED_REPLY', `step ${transmission.step} was answered by ${body.kind}`, 'priot flash'),
      );
    }
  }

  lost(requestId: number, { nextStep }: DeviceMessage): void {
    const transmission = this.#transmissions.get(requestId);
    if (!transmission || this.results.ended) return;
    if (transmission.step >= nextStep) {
      this.#goBack(nextStep); // the frame never arrived, and all later ones were in vain
    } else if (this.#mayTryAgain()) {
      this.#supersede(transmission.step); // it was applied; only its result is missing
      this.#transmit(transmission.step);
    }
  }

  expired(): void {
    this.#silences++;
    this.#goBack(this.#base);
  }

  failed(error: PriotError): void {
    this.#end(error);
  }

  #openWindow(nextStep: number, windowEnd: number): void {
    this.#windowSteps = Math.max(this.#windowSteps, windowEnd - nextStep);
    this.#windowEnd = Math.max(this.#windowEnd, windowEnd);
  }

  #accept(result: StepResult): void {
    // A step has one result: what comes after it belongs to transmissions that are forgotten, and is not handed over.
    this.#early.set(result.step, result);
    for (let next = this.#early.get(this.#base); next; next = this.#early.get(this.#base)) {
      this.#forgetTransmissions(this.#base);
      this.#early.delete(this.#base);
      this.#frames.delete(this.#base);
      this.#base++;
      this.#attempts = 0;
      this.#silences = 0;
      this.#stuckSinceMs = this.#exchange.heardAtMs;
      this.results.push(next);
    }
    this.#cursor = Math.max(this.#cursor, this.#base);
  }

  /** Sends again from this step on; transmissions under way may still be answered. */
  #goBack(nextStep: number): void {
    if (!this.#mayTryAgain()) return;
    const from = Math.min(Math.max(nextStep, this.#base), this.#cursor);
    for (let step = from; step < this.#cursor; step++) this.#supersede(step);
    this.#round++;
    this.#cursor = from;
    this.#fill();
  }

  #mayTryAgain(): boolean {
    this.#attempts++;
    if (this.#silences < MAX_SILENCES && this.#attempts < MAX_ATTEMPTS) return true;
    this.#end(this.#exchange.noAnswer(this, this.#attempts, this.#stuckSinceMs));
    return false;
  }

  #fill(): void {
    // Not further ahead of the oldest open result than the device keeps results.
    while (!this.results.ended && this.#cursor < Math.min(this.#windowEnd, this.#base + this.#windowSteps)) {
      if (this.#cursor === this.#pulled && !this.#pull()) break;
      this.#transmit(this.#cursor++);
    }
    this.#endWhenQuiet();
  }

  #pull(): boolean {
    if (this.#signal?.aborted) this.#stop();
    if (this.#stopped) return false;
    try {
      const next = this.#source.next();
      if (next.done) {
        this.#stopped = true;
        return false;
      }
      this.#frames.set(this.#pulled++, { ...next.value, requestIds: [] });
      return true;
    } catch (error) {
      this.#stopped = true;
      this.#end(error);
      return false;
    }
  }

  #transmit(step: number): void {
    const frame = this.#frames.get(step)!;
    if (frame.requestIds.length > 0) this.#exchange.countRetry();
    const { sessionId } = this.#session;
    const { label, image, detail = false, ledger = false } = frame;
    try {
      const requestId = this.#exchange.send(this, (id) =>
        encodeStep(id, { sessionId, bootId: this.#bootId, step, label, detail, ledger, image }),
      );
      frame.requestIds.push(requestId);
      this.#transmissions.set(requestId, { step, round: this.#round });
      this.#sentAtMs = this.#exchange.device.clock.nowMs();
    } catch (error) {
      this.#end(error);
    }
  }

  #supersede(step: number): void {
    for (const requestId of this.#frames.get(step)?.requestIds ?? []) this.#exchange.supersede(requestId);
  }

  #forgetTransmissions(step: number): void {
    for (const requestId of this.#frames.get(step)?.requestIds ?? []) {
      this.#exchange.forget(requestId);
      this.#transmissions.delete(requestId);
    }
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#source.return?.();
  }

  #endWhenQuiet(): void {
    if (this.#stopped && this.#base === this.#pulled) this.results.end();
  }

  #end(error: unknown): void {
    this.#stop();
    for (const step of this.#frames.keys()) this.#forgetTransmissions(step);
    this.results.fail(error);
  }
}
