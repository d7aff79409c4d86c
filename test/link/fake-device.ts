import type { Device, DeviceDescription } from '#host/device/device.js';
import { encodeFrame, FrameDecoder } from '#host/link/frame.js';
import { PROTOCOL_VERSION } from '#host/link/messages.js';
import { priot } from '#proto';
import { xorshift } from './random.js';
import { VirtualClock } from './virtual-clock.js';

type Reply = priot.DeviceMessage.$Properties;
type Ask = priot.HostMessage;

/** What may happen to a frame on its way. Probabilities, drawn from a seeded generator. */
export interface Faults {
  seed: number;
  drop?: number;
  duplicate?: number;
  flip?: number;
}

export interface FakeOptions {
  hello?: priot.HelloReply.$Properties;
  window?: number;
  faults?: Faults;
  /** Replaces the reply to a request; null: silence. */
  answer?: (message: Ask, attempt: number) => Partial<Reply> | null | undefined;
}

/**
 * A device in memory that keeps the rules of docs/wire.md for sessions and windows. A step adds its label and first
 * pixel to a running hash, so that steps applied twice, left out or swapped show.
 */
export class FakeDevice implements Device {
  readonly description: DeviceDescription = { kind: 'serial', name: 'fake' };
  readonly clock = new VirtualClock();
  readonly written: Uint8Array[] = [];
  readonly asked: Ask[] = [];
  /** Every step applied, in order. */
  readonly applied: number[] = [];
  state = 0;
  closed = false;
  /** For each chunk taken by the link: messages written in answer to it. */
  readonly answersPerChunk: number[] = [];

  readonly #options: FakeOptions;
  readonly #decoder = new FrameDecoder();
  readonly #chunks: Uint8Array[] = [];
  readonly #window: number;
  readonly #random: () => number;
  readonly #results = new Map<number, priot.StepResult.$Properties>();
  readonly #attempts = new Map<number, number>();
  #nextStep = 0;
  #sessionId = '';
  #writes = 0;
  #wake: (() => void) | undefined;
  #lost: Error | undefined;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.#window = options.window ?? 4;
    this.#random = xorshift(options.faults?.seed ?? 1);
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    for (;;) {
      const chunk = await this.#nextChunk();
      if (!chunk) return;
      const before = this.#writes;
      yield chunk;
      this.answersPerChunk.push(this.#writes - before);
    }
  }

  async #nextChunk(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#lost) throw this.#lost;
      const chunk = this.#chunks.shift();
      if (chunk || this.closed) return chunk;
      // Nothing to say, so time goes on to the host's next timer; without one, wait for the host.
      await new Promise(setImmediate);
      if (this.#chunks.length > 0 || this.closed || this.#lost || this.clock.advance()) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    this.#writes++;
    this.written.push(bytes.slice());
    for (const arrived of this.#line(bytes)) {
      const bad = this.#decoder.badFrames;
      const payloads = this.#decoder.push(arrived);
      for (let i = bad; i < this.#decoder.badFrames; i++) {
        this.say({ failure: { code: priot.FailureCode.FAILURE_CODE_BAD_FRAME } });
      }
      for (const payload of payloads) this.#handle(priot.HostMessage.decode(payload));
    }
    this.#wake?.();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    this.#wake?.();
    return Promise.resolve();
  }

  /** The cable is pulled. */
  lose(error: Error): void {
    this.#lost = error;
    this.#wake?.();
  }

  say(message: Reply): void {
    const payload = priot.DeviceMessage.encode({
      nextStep: this.#nextStep,
      windowEnd: this.#nextStep + this.#window,
      ...message,
    }).finish();
    this.#chunks.push(...this.#line(encodeFrame(payload)));
    this.#wake?.();
  }

  sayBytes(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#wake?.();
  }

  #line(bytes: Uint8Array): Uint8Array[] {
    const { drop = 0, duplicate = 0, flip = 0 } = this.#options.faults ?? {};
    if (this.#random() < drop) return [];
    const copy = bytes.slice();
    if (this.#random() < flip) copy[Math.floor(this.#random() * copy.length)]! ^= 1 << Math.floor(this.#random() * 8);
    return this.#random() < duplicate ? [copy, copy] : [copy];
  }

  #handle(message: Ask): void {
    this.asked.push(message);
    const attempt = (this.#attempts.get(message.requestId) ?? 0) + 1;
    this.#attempts.set(message.requestId, attempt);
    const override = this.#options.answer?.(message, attempt);
    if (override === null) return;
    this.say({ ...(override ?? this.#reply(message)), requestId: message.requestId });
  }

  #reply(message: Ask): Partial<Reply> {
    if (message.hello) return { hello: this.hello() };
    if (message.step) return this.#step(message.step as priot.Step);
    if (message.evaluate) {
      const { index, image } = message.evaluate as priot.Evaluate;
      return { evaluation: { index, prediction: image[0] ?? 0 } };
    }
    if (message.readTensor) {
      const { tensor, offset, length } = message.readTensor as priot.ReadTensor;
      return { tensorData: { tensor, offset, data: new Uint8Array(length).fill(offset & 0xff) } };
    }
    if (message.startSession) {
      const { sessionId, nextStep } = message.startSession as priot.StartSession;
      this.#sessionId = Buffer.from(sessionId).toString('hex');
      this.#nextStep = nextStep;
    }
    if (message.openNetwork) return { memoryPlan: { fits: true, arenaBytes: 1000 } };
    if (message.readStatistics) return { statistics: { framesReceived: this.asked.length } };
    return { done: {} };
  }

  hello(): priot.HelloReply.$Properties {
    return {
      protocolVersion: PROTOCOL_VERSION,
      firmwareCommit: 'abc1234',
      boardId: Buffer.from('PRIOTSIM'),
      bootId: 7,
      window: this.#window,
      maxFrameBytes: 4224,
      ...this.#options.hello,
    };
  }

  #step(frame: priot.Step): Partial<Reply> {
    const failure = (code: priot.FailureCode) => ({ failure: { code, text: 'no' } });
    if (frame.bootId !== 7) return failure(priot.FailureCode.FAILURE_CODE_WRONG_BOOT);
    if (Buffer.from(frame.sessionId).toString('hex') !== this.#sessionId) {
      return failure(priot.FailureCode.FAILURE_CODE_WRONG_SESSION);
    }
    if (frame.step >= this.#nextStep + this.#window) return failure(priot.FailureCode.FAILURE_CODE_BEYOND_WINDOW);
    if (frame.step > this.#nextStep) return { gap: { nextStep: this.#nextStep } };
    if (frame.step < this.#nextStep) {
      const kept = this.#results.get(frame.step);
      if (!kept) return failure(priot.FailureCode.FAILURE_CODE_TOO_OLD);
      return { stepResult: { ...kept, alreadyApplied: true } };
    }
    this.state = (Math.imul(this.state, 31) + frame.label * 256 + (frame.image[0] ?? 0)) >>> 0;
    this.applied.push(frame.step);
    const result = { step: frame.step, prediction: frame.label, cycles: this.state };
    this.#results.set(frame.step, result);
    this.#results.delete(frame.step - this.#window);
    this.#nextStep++;
    return { stepResult: result };
  }
}
