/** The host's side of the emulator's turns (docs/emulator.md): the device as the link sees it. */

import { DeviceError } from '../../errors.js';
import type { Clock, Device, DeviceDescription } from '../device.js';
import { CLOCK_HZ } from './emulated-clock.js';
import type { Actions, Command, DeviceEvent } from './messages.js';

/** The way to the machine: another thread, or the same one. */
export interface Channel {
  send(command: Command): void;
  /** Stops the machine; idempotent. */
  stop(): Promise<void>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type TurnEvent = Extract<DeviceEvent, { type: 'packet' | 'elapsed' }>;

const CYCLES_PER_MS = CLOCK_HZ / 1000;

const noActions = (): Mutable<Actions> => ({ bytes: [], delays: [], cancelled: [] });
const hasActions = (actions: Actions) => actions.bytes.length + actions.delays.length + actions.cancelled.length > 0;

interface ChunkWaiter {
  resolve(chunk: Uint8Array | undefined): void;
  reject(error: unknown): void;
}

export function closedError(): DeviceError {
  return new DeviceError('DEVICE_CLOSED', 'the emulator is closed', 'open it again');
}

export function failedError(cause: unknown): DeviceError {
  const message = `the emulator failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new DeviceError('EMULATOR_FAILED', message, 'this is a defect of priot: please report it', { cause });
}

export class TurnDevice implements Device {
  readonly description: DeviceDescription = { kind: 'emulator', name: 'emulator' };
  readonly clock: Clock;
  onConsoleLine: ((line: string) => void) | undefined;

  private readonly queue: TurnEvent[] = [];
  /** The event that the host deals with now; what it writes meanwhile is the answer. */
  private current: TurnEvent | undefined;
  private answer = noActions();
  private answering = false;
  /** Actions that answer nothing, sent together at the end of the present turn of the event loop. */
  private unasked = noActions();
  private sendingUnasked = false;
  private waiter: ChunkWaiter | undefined;
  private readonly delays = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();
  private nextDelay = 0;
  private nowCycles = 0;
  private failure: DeviceError | undefined;
  private closed = false;
  private readonly opening: { resolve(): void; reject(error: DeviceError): void };
  /** Resolves when the device is enumerated; rejects when it is lost before. */
  readonly opened: Promise<void>;

  /**
   * Makes the host's side of a machine.
   * @param live no turns: the clock is the wall's
   */
  constructor(
    private readonly channel: Channel,
    live = false,
  ) {
    let opening = { resolve: () => {}, reject: (_: DeviceError) => {} };
    this.opened = new Promise<void>((resolve, reject) => {
      opening = { resolve, reject };
    });
    this.opening = opening;
    this.clock = live
      ? { nowMs: () => performance.now(), delay: wallDelay }
      : { nowMs: () => this.nowCycles / CYCLES_PER_MS, delay: (ms, signal) => this.delay(ms, signal) };
  }

  /** What happened on the other side, in order. */
  deliver(events: readonly DeviceEvent[]): void {
    for (const event of events) this.receive(event);
    this.pump();
  }

  /** The device is lost; what it sent before is still handed out. */
  fail(error: DeviceError): void {
    if (this.failure) return;
    this.failure = error;
    this.opening.reject(error);
    for (const { reject } of this.delays.values()) reject(error);
    this.delays.clear();
    if (this.closed) this.queue.length = 0;
    this.pump();
    if (!this.closed) void this.channel.stop();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunk = await this.nextChunk();
        if (!chunk) return;
        yield chunk;
      }
    } finally {
      this.sendAnswer();
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.failure) throw this.failure;
    this.act((actions) => actions.bytes.push(bytes.slice()));
  }

  async close(): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      this.fail(closedError());
    }
    await this.channel.stop();
  }

  private receive(event: DeviceEvent): void {
    switch (event.type) {
      case 'ready':
        this.nowCycles = this.queue[0]?.cycles ?? event.cycles;
        this.opening.resolve();
        break;
      case 'console':
        this.onConsoleLine?.(event.line);
        break;
      case 'lost':
        this.fail(new DeviceError(event.code, event.message, event.remedy));
        break;
      default:
        this.queue.push(event);
    }
  }

  /** Hands out the next event once the one before is answered. */
  private pump(): void {
    while (!this.current) {
      const event = this.queue[0];
      if (!event) {
        if (this.failure) this.endChunks();
        return;
      }
      if (event.type === 'packet' && !this.waiter) return;
      this.queue.shift();
      this.nowCycles = event.cycles;
      if (event.turn !== undefined) this.current = event;
      if (event.type === 'packet') {
        this.waiter?.resolve(event.bytes);
        this.waiter = undefined;
      } else {
        this.delays.get(event.id)?.resolve();
        this.delays.delete(event.id);
        this.sendAnswer();
      }
    }
  }

  private nextChunk(): Promise<Uint8Array | undefined> {
    if (this.waiter) throw new Error('the chunks of a device have one consumer');
    this.sendAnswer();
    const promise = new Promise<Uint8Array | undefined>((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
    this.pump();
    return promise;
  }

  private endChunks(): void {
    if (this.closed) this.waiter?.resolve(undefined);
    else this.waiter?.reject(this.failure);
    this.waiter = undefined;
  }

  /** Ends the current turn after all microtasks, so that every direct reaction belongs to it. */
  private sendAnswer(): void {
    if (!this.current || this.answering) return;
    this.answering = true;
    setImmediate(() => {
      const turn = this.current?.turn;
      if (turn !== undefined) this.post({ turn, actions: this.answer });
      this.answer = noActions();
      this.current = undefined;
      this.answering = false;
      this.pump();
    });
  }

  private act(add: (actions: Mutable<Actions>) => void): void {
    if (this.current) {
      add(this.answer);
      return;
    }
    add(this.unasked);
    if (this.sendingUnasked) return;
    this.sendingUnasked = true;
    setImmediate(() => {
      this.sendingUnasked = false;
      const actions = this.unasked;
      this.unasked = noActions();
      if (hasActions(actions)) this.post({ actions });
    });
  }

  private post(command: Command): void {
    if (!this.failure) this.channel.send(command);
  }

  private delay(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.nextDelay++;
    this.act((actions) => actions.delays.push({ id, ms }));
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.delays.delete(id);
        this.act((actions) => actions.cancelled.push(id));
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const settle = () => signal?.removeEventListener('abort', abort);
      this.delays.set(id, {
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
    });
  }
}

function wallDelay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
