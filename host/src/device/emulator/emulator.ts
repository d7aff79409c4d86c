/** The emulated Pico as a device: the firmware image in a worker thread, in deterministic emulated time. */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError, DeviceError, UsageError } from '../../errors.js';
import type { Clock, Device, DeviceDescription } from '../device.js';
import { CLOCK_HZ } from './emulated-clock.js';
import { flashOfImage } from './image.js';
import type { Actions, Command, DeviceEvent, WorkerSetup } from './messages.js';

export interface EmulatorOptions {
  /** UF2, ELF or .bin; the firmware of this package when left out. */
  readonly firmware?: string;
  /** Emulated time from an event to the arrival of the host's answer; 1 unless told otherwise. */
  readonly latencyMs?: number;
  /** No turns: bytes are delivered as they come, the clock is the wall's. For a bridge to a pty. */
  readonly live?: boolean;
  readonly onConsoleLine?: (line: string) => void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type TurnEvent = Extract<DeviceEvent, { type: 'packet' | 'elapsed' }>;

const CYCLES_PER_MS = CLOCK_HZ / 1000;
const DEFAULT_FIRMWARE = new URL('../../../firmware/priot.uf2', import.meta.url);
const SHIM_ROM = new URL('../../../firmware/shimrom.bin', import.meta.url);

const noActions = (): Mutable<Actions> => ({ bytes: [], delays: [], cancelled: [] });
const hasActions = (actions: Actions) => actions.bytes.length + actions.delays.length + actions.cancelled.length > 0;

function closedError(): DeviceError {
  return new DeviceError('DEVICE_CLOSED', 'the emulator is closed', 'open it again');
}

class Emulator implements Device {
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
  private waiter: PromiseWithResolvers | undefined;
  private readonly delays = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();
  private nextDelay = 0;
  private nowCycles = 0;
  private failure: DeviceError | undefined;
  private closed = false;
  private readonly signal: Int32Array;

  constructor(
    private readonly worker: Worker,
    setup: WorkerSetup,
    private readonly opened: (error?: DeviceError) => void,
    onConsoleLine: ((line: string) => void) | undefined,
  ) {
    this.onConsoleLine = onConsoleLine;
    this.signal = new Int32Array(setup.signal);
    this.clock = setup.live
      ? { nowMs: () => performance.now(), delay: wallDelay }
      : { nowMs: () => this.nowCycles / CYCLES_PER_MS, delay: (ms, signal) => this.delay(ms, signal) };
    worker.on('message', (events: DeviceEvent[]) => {
      for (const event of events) this.receive(event);
      this.pump();
    });
    worker.on('error', (cause) => {
      const remedy = 'this is a defect of priot: please report it';
      this.fail(new DeviceError('EMULATOR_FAILED', `the emulator failed: ${cause.message}`, remedy, { cause }));
    });
    worker.on('exit', () => this.fail(closedError()));
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
    await this.worker.terminate();
  }

  private receive(event: DeviceEvent): void {
    switch (event.type) {
      case 'ready':
        this.nowCycles = event.cycles;
        this.opened();
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
    if (this.failure) return;
    this.worker.postMessage(command);
    Atomics.add(this.signal, 0, 1);
    Atomics.notify(this.signal, 0);
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

  private fail(error: DeviceError): void {
    if (this.failure) return;
    this.failure = error;
    this.opened(error);
    for (const { reject } of this.delays.values()) reject(error);
    this.delays.clear();
    if (this.closed) this.queue.length = 0;
    this.pump();
    if (!this.closed) void this.worker.terminate();
  }
}

interface PromiseWithResolvers {
  resolve(chunk: Uint8Array | undefined): void;
  reject(error: unknown): void;
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

async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read';
    const remedy = 'build it with `make firmware`, or name another image';
    throw new DataError('FIRMWARE_IMAGE_MISSING', `the firmware image ${path} ${why}`, remedy, { cause });
  }
}

/** Powers an emulated Pico on and waits until it is enumerated. Throws DataError or DeviceError. */
export async function openEmulator(options: EmulatorOptions = {}): Promise<Device> {
  const latencyMs = options.latencyMs ?? 1;
  if (!(latencyMs >= 0 && latencyMs <= 1000)) {
    throw new UsageError('LATENCY_OUT_OF_RANGE', `latency ${latencyMs} ms`, 'give a latency from 0 to 1000 ms');
  }
  const path = options.firmware ?? fileURLToPath(DEFAULT_FIRMWARE);
  const setup: WorkerSetup = {
    rom: await readImage(fileURLToPath(SHIM_ROM)),
    flash: flashOfImage(await readImage(path), basename(path)),
    latencyMs,
    live: options.live ?? false,
    signal: new SharedArrayBuffer(4),
  };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: setup });
  return new Promise((resolve, reject) => {
    const opened = (error?: DeviceError) => (error ? reject(error) : resolve(emulator));
    const emulator = new Emulator(worker, setup, opened, options.onConsoleLine);
  });
}
