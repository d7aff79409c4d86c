/** One request and its reply: repeated as it was (requests are idempotent) until answered, or given up. */
import { DeviceError, type PriotError } from '../errors.js';
import type { Conversation, Exchange } from './exchange.js';
import { failureError, planError } from './failures.js';
import {
  type DeviceMessage,
  encodeRequest,
  REPLY_OF,
  type ReplyBody,
  type RequestBody,
  type RequestKind,
} from './messages.js';

/** Silence before the first repetition, doubled by each, and how often a request is sent at most. */
interface Patience {
  timeoutMs: number;
  attempts: number;
}

const USUAL_PATIENCE: Patience = { timeoutMs: 2_000, attempts: 5 };
const PATIENCE: Partial<Record<RequestKind, Patience>> = {
  // 7.75 s in all: what a host before us left behind may have to be worked off first.
  hello: { timeoutMs: 250, attempts: 5 },
  // 93 s in all: erasing and programming flash takes up to 400 ms per sector of 4 KB.
  commitTensor: { timeoutMs: 3_000, attempts: 5 },
  saveCheckpoint: { timeoutMs: 3_000, attempts: 5 },
  // The device leaves: there may be nobody left to repeat it to.
  restart: { timeoutMs: 2_000, attempts: 1 },
};
/** Losses the device itself points out are repaired at once, but not for ever. */
const MAX_TRANSMISSIONS = 16;

export class Request<K extends RequestKind> implements Conversation {
  readonly name: K;
  readonly #exchange: Exchange;
  readonly #body: RequestBody<K>;
  readonly #onReply: (reply: ReplyBody<K>) => void;
  readonly #onError: (error: PriotError) => void;
  readonly #patience: Patience;
  #requestId: number | undefined;
  #startedAtMs = 0;
  #sentAtMs = 0;
  #silences = 0;
  #transmissions = 0;

  /** Callbacks run inside the handler of the message; one of them, once. */
  constructor(
    exchange: Exchange,
    kind: K,
    body: RequestBody<K>,
    onReply: (reply: ReplyBody<K>) => void,
    onError: (error: PriotError) => void,
  ) {
    this.#exchange = exchange;
    this.name = kind;
    this.#body = body;
    this.#onReply = onReply;
    this.#onError = onError;
    this.#patience = PATIENCE[kind] ?? USUAL_PATIENCE;
  }

  /** The device works in order: as long as it answers what came before, this one is not late. */
  get deadlineMs(): number {
    return Math.max(this.#sentAtMs, this.#exchange.answeredAtMs) + this.#patience.timeoutMs * 2 ** this.#silences;
  }

  /**
   * Sends the request.
   * @throws PriotError when it cannot be sent at all
   */
  start(): void {
    this.#startedAtMs = this.#exchange.device.clock.nowMs();
    this.#transmit();
  }

  /** A reply that comes later is ignored. */
  abandon(): void {
    if (this.#requestId !== undefined) this.#exchange.forget(this.#requestId);
  }

  answered(_requestId: number, { body }: DeviceMessage): void {
    if (body.kind === 'failure') {
      this.#onError(failureError(body.value, this.name));
    } else if (body.kind !== REPLY_OF[this.name]) {
      this.#onError(new DeviceError('UNEXPECTED_REPLY', `${this.name} was answered by ${body.kind}`, 'priot flash'));
    } else if (body.kind === 'memoryPlan' && !body.value.fits) {
      this.#onError(planError(body.value));
    } else {
      this.#onReply(body.value as ReplyBody<K>);
    }
  }

  lost(): void {
    this.#repeat();
  }

  expired(): void {
    this.#silences++;
    this.#repeat();
  }

  failed(error: PriotError): void {
    this.#onError(error);
  }

  #repeat(): void {
    if (this.#silences >= this.#patience.attempts || this.#transmissions >= MAX_TRANSMISSIONS) {
      this.abandon();
      this.#onError(this.#exchange.noAnswer(this, this.#transmissions, this.#startedAtMs));
      return;
    }
    this.#exchange.countRetry();
    this.#transmit();
  }

  #transmit(): void {
    this.#transmissions++;
    this.#sentAtMs = this.#exchange.device.clock.nowMs();
    const encode = (requestId: number) => encodeRequest(requestId, this.name, this.#body);
    this.#requestId = this.#exchange.send(this, encode, this.#requestId);
  }
}
