/**
 * The line itself: the one reader of a device, which hands every answer to whoever waits for it, and the one writer.
 *
 * Answers are handled synchronously, so that what a handler writes counts as the answer to the chunk it came in
 * (device.ts). Nothing here knows what a message means.
 */
import type { Device } from '../device/device.js';
import { CapacityError, DeviceError, type PriotError } from '../errors.js';
import { encodeFrame, FrameDecoder, frameBytes } from './frame.js';
import { type DeviceMessage, decodeDeviceMessage, FailureCode, type LogLevel } from './messages.js';

/** What the line saw since it was opened. */
export interface LinkStatistics {
  /** Intact frames, both directions. */
  frames: number;
  /** Damaged frames, both directions: those seen here and those the device complained of. */
  crcErrors: number;
  /** Transmissions repeated, whatever the reason. */
  retries: number;
  /** Silences that outlasted a deadline. */
  timeouts: number;
  /** Transmissions answered. */
  roundTrips: number;
  /** Mean time from a transmission to its answer, on the device's clock; 0 before the first. */
  roundTripMs: number;
}

/** Somebody who waits for answers. Handlers must not throw. */
export interface Conversation {
  /** The name that errors have for it: `evaluate`, `step 17`. */
  readonly name: string;
  /** When silence has lasted too long, in milliseconds of the device's clock. */
  readonly deadlineMs: number;
  /** The answer to a transmission; it waits no more. */
  answered(requestId: number, message: DeviceMessage): void;
  /** A transmission or its answer got lost: `message` shows the device is past it. */
  lost(requestId: number, message: DeviceMessage): void;
  /** The deadline has passed: set a later one, or give up. */
  expired(): void;
  /** The line is gone; nothing waits any more. */
  failed(error: PriotError): void;
}

interface Transmission {
  readonly conversation: Conversation;
  readonly sentAtMs: number;
  /** Repeated under another id: still answerable, but nobody misses it. */
  superseded: boolean;
}

export class Exchange {
  readonly device: Device;
  /** Payload and CRC; known from Hello on. */
  maxFrameBytes = Number.POSITIVE_INFINITY;
  /** The absolute window of the latest message. */
  nextStep = 0;
  windowEnd = 0;
  bytesReceived = 0;
  /** When any message came last. */
  heardAtMs: number;
  /** When an answer that somebody waited for came last. */
  answeredAtMs: number;

  readonly #onLogLine: ((level: LogLevel, text: string) => void) | undefined;
  readonly #decoder = new FrameDecoder();
  /** Transmissions in their order, which is the order of the answers. */
  readonly #waiting = new Map<number, Transmission>();
  readonly #pumped: Promise<void>;
  /** The payload sent last: what comes back from a line that only echoes. */
  #lastSent: Uint8Array | undefined;
  #lastRequestId = 0;
  #watchdog: AbortController | undefined;
  #error: PriotError | undefined;
  #frames = 0;
  #badFramesReported = 0;
  #retries = 0;
  #timeouts = 0;
  #roundTrips = 0;
  #roundTripsMs = 0;

  constructor(device: Device, onLogLine?: (level: LogLevel, text: string) => void) {
    this.device = device;
    this.#onLogLine = onLogLine;
    this.heardAtMs = device.clock.nowMs();
    this.answeredAtMs = this.heardAtMs;
    this.#pumped = this.#pump();
  }

  get statistics(): LinkStatistics {
    return {
      frames: this.#frames,
      crcErrors: this.#decoder.badFrames + this.#badFramesReported,
      retries: this.#retries,
      timeouts: this.#timeouts,
      roundTrips: this.#roundTrips,
      roundTripMs: this.#roundTrips > 0 ? this.#roundTripsMs / this.#roundTrips : 0,
    };
  }

  /** Ends a frame that someone before us may have left half-sent. */
  interruptFrame(): void {
    this.#write(Uint8Array.of(0));
  }

  /**
   * Sends a message and waits for its answer on behalf of a conversation.
   * @param requestId of a message that is repeated as it was; left out: a new one
   * @throws PriotError when the line is gone or the message too long
   */
  send(conversation: Conversation, encode: (requestId: number) => Uint8Array, requestId?: number): number {
    if (this.#error) throw this.#error;
    const id = requestId ?? ++this.#lastRequestId;
    const payload = encode(id);
    if (frameBytes(payload) > this.maxFrameBytes) {
      throw new CapacityError(
        'FRAME_TOO_LARGE',
        `${conversation.name}: a message of ${frameBytes(payload)} bytes, and the device takes ${this.maxFrameBytes}`,
        'use smaller images',
      );
    }
    this.#waiting.delete(id); // a repeated one goes to the end: the order of transmission
    this.#waiting.set(id, { conversation, sentAtMs: this.device.clock.nowMs(), superseded: false });
    this.#frames++;
    this.#lastSent = payload;
    this.#write(encodeFrame(payload));
    if (!this.#watchdog) this.#watch();
    return id;
  }

  countRetry(): void {
    this.#retries++;
  }

  /** An answer that comes all the same is still handed over; its absence is no loss. */
  supersede(requestId: number): void {
    const transmission = this.#waiting.get(requestId);
    if (transmission) transmission.superseded = true;
  }

  /** Nobody waits for this answer any more. */
  forget(requestId: number): void {
    if (this.#waiting.delete(requestId) && this.#waiting.size === 0) this.#restWatchdog();
  }

  /** The error to give up with. */
  noAnswer(conversation: Conversation, attempts: number, sinceMs: number): DeviceError {
    const nowMs = this.device.clock.nowMs();
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
    return new DeviceError(
      'NO_ANSWER',
      `${this.device.description.name}: no answer to ${conversation.name} after ${attempts} attempts in ` +
        `${seconds(nowMs - sinceMs)}; the device was last heard ${seconds(nowMs - this.heardAtMs)} ago`,
      'replug the board, then see what it says: priot doctor',
    );
  }

  /** Closes the line and the device. Idempotent. */
  async close(): Promise<void> {
    this.#fail(new DeviceError('LINK_CLOSED', `${this.device.description.name}: the link was closed`));
    await this.device.close();
    await this.#pumped;
  }

  #write(bytes: Uint8Array): void {
    // What is in flight is bounded by the device's window, so there is no need to wait.
    this.device.write(bytes).catch((error: unknown) => this.#fail(this.#lost(error)));
  }

  async #pump(): Promise<void> {
    try {
      for await (const chunk of this.device.chunks()) {
        this.bytesReceived += chunk.length;
        for (const payload of this.#decoder.push(chunk)) this.#receive(this.#decode(payload));
        // Let whoever was woken by this chunk write its answer before the next one is asked for.
        await new Promise(setImmediate);
      }
      this.#fail(this.#lost(undefined));
    } catch (error) {
      this.#fail(this.#lost(error));
    }
  }

  #decode(payload: Uint8Array): DeviceMessage {
    const { name } = this.device.description;
    if (this.#lastSent && Buffer.compare(payload, this.#lastSent) === 0) {
      throw new DeviceError(
        'NOT_PRIOT',
        `${name} sends back what it gets: no priot firmware is behind it`,
        'see what is plugged in: priot devices',
      );
    }
    return decodeDeviceMessage(payload);
  }

  #receive(message: DeviceMessage): void {
    this.#frames++;
    this.heardAtMs = this.device.clock.nowMs();
    const { body, requestId } = message;
    if (body.kind === 'logLine') {
      this.#onLogLine?.(body.value.level, body.value.text);
    } else if (requestId === 0) {
      this.#unsolicited(message);
    } else {
      const transmission = this.#waiting.get(requestId);
      if (!transmission) return; // a duplicate, or meant for someone before us
      this.#noteWindow(message);
      this.#answer(requestId, transmission, message);
      return;
    }
    this.#noteWindow(message);
  }

  #noteWindow(message: DeviceMessage): void {
    this.nextStep = message.nextStep;
    this.windowEnd = message.windowEnd;
  }

  #unsolicited(message: DeviceMessage): void {
    const { body } = message;
    if (body.kind !== 'failure') return;
    if (body.value.code !== FailureCode.FAILURE_CODE_BAD_FRAME) {
      this.#onLogLine?.('warning', `the device could not read a message: ${body.value.text}`);
      return;
    }
    this.#badFramesReported++;
    // Answers come in order, so the damaged frame is the oldest without one.
    for (const [id, { conversation, superseded }] of this.#waiting) {
      if (superseded) continue;
      conversation.lost(id, message);
      break;
    }
  }

  #answer(requestId: number, transmission: Transmission, message: DeviceMessage): void {
    const overtaken: number[] = [];
    for (const [id, earlier] of this.#waiting) {
      if (id === requestId) break;
      if (!earlier.superseded) overtaken.push(id);
    }
    this.#waiting.delete(requestId);
    this.answeredAtMs = this.heardAtMs;
    this.#roundTrips++;
    this.#roundTripsMs += this.heardAtMs - transmission.sentAtMs;
    transmission.conversation.answered(requestId, message);
    for (const id of overtaken) {
      const earlier = this.#waiting.get(id);
      if (earlier && !earlier.superseded) earlier.conversation.lost(id, message);
    }
    if (this.#waiting.size === 0) this.#restWatchdog();
  }

  #watch(): void {
    const watchdog = new AbortController();
    this.#watchdog = watchdog;
    const { clock } = this.device;
    const run = async () => {
      while (!watchdog.signal.aborted) {
        const nowMs = clock.nowMs();
        const conversations = new Set([...this.#waiting.values()].map(({ conversation }) => conversation));
        const deadlineMs = Math.min(...[...conversations].map((conversation) => conversation.deadlineMs));
        if (deadlineMs > nowMs) {
          await clock.delay(deadlineMs - nowMs, watchdog.signal);
          continue;
        }
        for (const conversation of conversations) {
          if (conversation.deadlineMs > nowMs) continue;
          this.#timeouts++;
          conversation.expired();
        }
      }
    };
    run().catch((error: unknown) => {
      if (!watchdog.signal.aborted) this.#fail(this.#lost(error));
    });
  }

  /** No timer runs while nothing waits: the emulator's time must not run on for it. */
  #restWatchdog(): void {
    this.#watchdog?.abort();
    this.#watchdog = undefined;
  }

  #lost(cause: unknown): PriotError {
    if (cause instanceof DeviceError) return cause;
    return new DeviceError(
      'DEVICE_LOST',
      `${this.device.description.name}: the device is gone`,
      'plug it in again; a training run goes on with: priot train --resume RUN',
      { cause },
    );
  }

  #fail(error: PriotError): void {
    if (this.#error) return;
    this.#error = error;
    this.#restWatchdog();
    const conversations = new Set([...this.#waiting.values()].map(({ conversation }) => conversation));
    this.#waiting.clear();
    for (const conversation of conversations) conversation.failed(error);
  }
}
