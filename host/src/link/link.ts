/** A conversation with a device: requests, pipelines of requests, and training steps that happen exactly once. */
import type { Device } from '../device/device.js';
import { type Place, placeOf } from '../device/place.js';
import { DeviceError } from '../errors.js';
import { Exchange, type LinkStatistics } from './exchange.js';
import {
  type HelloReply,
  type LogLevel,
  PROTOCOL_VERSION,
  type ReplyBody,
  type RequestBody,
  type RequestKind,
  type StepResult,
} from './messages.js';
import { pipeline } from './pipeline.js';
import { Request } from './request.js';
import { type StepFrame, type StepSession, StepStream } from './step-stream.js';

export type {
  HelloReply,
  LinkStatistics,
  LogLevel,
  ReplyBody,
  RequestBody,
  RequestKind,
  StepFrame,
  StepResult,
  StepSession,
};

/** Kinds of request worth having many of in flight. */
export type PipelinedKind = 'writeTensor' | 'evaluate' | 'readTensor';

export interface LinkOptions {
  signal?: AbortSignal;
  /** The device's log lines, as they come. */
  onLogLine?: (level: LogLevel, text: string) => void;
}

export class Link {
  readonly device: Device;
  #hello: HelloReply;
  /** Where its numbers are measured, by its board id alone. */
  readonly place: Place;
  readonly #exchange: Exchange;

  private constructor(exchange: Exchange, hello: HelloReply) {
    this.#exchange = exchange;
    this.device = exchange.device;
    this.#hello = hello;
    this.place = placeOf(hello.boardId);
  }

  /**
   * Greets the device, and repeats it until it answers. Takes the device over: it is closed with the link, and at once
   * when this fails.
   * @throws DeviceError NOT_PRIOT: no answer in 8 s of the device's clock; PROTOCOL_MISMATCH; DEVICE_LOST
   */
  static async open(device: Device, options: LinkOptions = {}): Promise<Link> {
    const exchange = new Exchange(device, options.onLogLine);
    try {
      exchange.interruptFrame();
      const body = { protocolVersion: PROTOCOL_VERSION };
      const hello = await request(exchange, 'hello', body, options.signal).catch((error: unknown) => {
        if (error instanceof DeviceError && error.code === 'NO_ANSWER') throw notPriot(exchange, error);
        throw error;
      });
      exchange.maxFrameBytes = hello.maxFrameBytes;
      return new Link(exchange, hello);
    } catch (error) {
      await exchange.close();
      throw error;
    }
  }

  /** Who the device is, as it said when it was greeted last. */
  get hello(): HelloReply {
    return this.#hello;
  }

  /**
   * Greets the device once more: after a reset that left the line open, it is another boot.
   * @throws what `request` throws
   */
  async greetAgain(signal?: AbortSignal): Promise<HelloReply> {
    this.#exchange.interruptFrame();
    this.#hello = await this.request('hello', { protocolVersion: PROTOCOL_VERSION }, signal ? { signal } : {});
    return this.#hello;
  }

  /** The step the device accepts next, as its latest message says; 0 without a session. */
  get nextStep(): number {
    return this.#exchange.nextStep;
  }

  /** What the line saw so far. */
  get statistics(): LinkStatistics {
    return this.#exchange.statistics;
  }

  /**
   * Asks once, repeats as needed. For many requests of a kind there is `pipeline`.
   * @throws PriotError of the class its failure belongs to (failures.ts); CapacityError for a plan that does not fit;
   * DeviceError NO_ANSWER, DEVICE_LOST; the signal's reason
   */
  request<K extends RequestKind>(
    kind: K,
    body: RequestBody<K>,
    options: { signal?: AbortSignal } = {},
  ): Promise<ReplyBody<K>> {
    return request(this.#exchange, kind, body, options.signal);
  }

  /**
   * Replies in the order of the requests, the device's window of them in flight. `bodies` is pulled synchronously when
   * a reply comes in. When the signal is aborted or the loop left, nothing more is pulled, what is in flight is
   * awaited, and the iteration ends normally.
   * @throws PriotError as `request`, after the replies before it
   */
  pipeline<K extends PipelinedKind>(
    kind: K,
    bodies: Iterable<RequestBody<K>>,
    options: { signal?: AbortSignal } = {},
  ): AsyncIterable<ReplyBody<K>> {
    return pipeline(this.#exchange, kind, bodies, this.hello.window, options.signal);
  }

  /**
   * Trains: one frame, one step, exactly once; results in order. `frames` is pulled synchronously when a result comes
   * in; an image must stay as it is until its result is here. Ends as `pipeline` does.
   * @throws PriotError as `request`, after the results before it
   */
  steps(
    session: StepSession,
    frames: Iterable<StepFrame>,
    options: { signal?: AbortSignal } = {},
  ): AsyncIterable<StepResult> {
    return new StepStream(this.#exchange, session, this.hello.bootId, frames, options.signal).results;
  }

  /** Closes the device too. Idempotent; what still waits fails with DeviceError LINK_CLOSED. */
  close(): Promise<void> {
    return this.#exchange.close();
  }
}

function request<K extends RequestKind>(
  exchange: Exchange,
  kind: K,
  body: RequestBody<K>,
  signal?: AbortSignal,
): Promise<ReplyBody<K>> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = () => {
      waiting.abandon();
      reject(signal?.reason);
    };
    const settle =
      <T>(how: (value: T) => void) =>
      (value: T) => {
        signal?.removeEventListener('abort', abort);
        how(value);
      };
    const waiting = new Request(exchange, kind, body, settle(resolve), settle(reject));
    signal?.addEventListener('abort', abort, { once: true });
    waiting.start();
  });
}

function notPriot(exchange: Exchange, cause: DeviceError): DeviceError {
  const { name } = exchange.device.description;
  const heard =
    exchange.bytesReceived > 0 ? `sent ${exchange.bytesReceived} bytes, none of them an answer` : 'sent nothing';
  return new DeviceError(
    'NOT_PRIOT',
    `${name} does not answer as priot firmware does: it was greeted several times and ${heard}`,
    `if it is a Pico, put the firmware on it: priot flash --device ${name}`,
    { cause },
  );
}
