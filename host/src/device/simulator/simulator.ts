/** The simulator: engine and session as WebAssembly in a worker thread. Exact, fast, without cycle counts. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DeviceError } from '../../errors.js';
import type { Clock, Device, DeviceDescription } from '../device.js';
import { ChunkQueue } from './chunk-queue.js';
import { concatenate } from './concatenate.js';
import type { SimulatorMessage, SimulatorWorkerData } from './simulator-worker.js';

const MODULE_URL = new URL('../../../simulator/priot.wasm', import.meta.url);
const REBUILD = 'build it again: make simulator; from a package: npm install priot';

/**
 * Starts a simulated device; it has just been reset.
 * @throws DeviceError SIMULATOR_MISSING or SIMULATOR_DAMAGED; the signal's reason
 */
export async function openSimulator(options: { signal?: AbortSignal } = {}): Promise<Device> {
  const { signal } = options;
  const module = await compileModule(signal);
  signal?.throwIfAborted();
  return new Simulator(module);
}

async function compileModule(signal: AbortSignal | undefined): Promise<WebAssembly.Module> {
  const bytes = await readFile(MODULE_URL, { signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new DeviceError('SIMULATOR_MISSING', `the simulator cannot be read: ${messageOf(cause)}`, REBUILD, { cause });
  });
  return WebAssembly.compile(bytes).catch((cause: unknown) => {
    throw new DeviceError('SIMULATOR_DAMAGED', `the simulator is damaged: ${messageOf(cause)}`, REBUILD, { cause });
  });
}

const realClock: Clock = {
  nowMs: () => performance.now(),
  delay: (ms, signal) => delay(ms, undefined, { signal }),
};

class Simulator implements Device {
  readonly description: DeviceDescription = { kind: 'simulator', name: 'simulator' };
  readonly clock = realClock;
  readonly #worker: Worker;
  readonly #received = new ChunkQueue();
  /** Written since the last batch went to the worker. */
  #pending: Uint8Array[] = [];
  #lost: DeviceError | undefined;
  #closed = false;

  constructor(module: WebAssembly.Module) {
    const workerData: SimulatorWorkerData = { module };
    this.#worker = new Worker(new URL('./simulator-worker.js', import.meta.url), { workerData });
    this.#worker.on('message', (message: SimulatorMessage) => {
      if (message instanceof Uint8Array) this.#received.push(message);
      else this.#lose(message.trap);
    });
    this.#worker.on('error', (error) => this.#lose(messageOf(error), error));
    this.#worker.on('exit', (code) => this.#lose(`its thread ended with code ${code}`));
  }

  chunks(): AsyncIterable<Uint8Array> {
    return this.#received;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#closed) return Promise.reject(new DeviceError('DEVICE_CLOSED', 'the simulator is closed'));
    // What is written in one go crosses to the worker as one message.
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush());
    this.#pending.push(bytes.slice());
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#received.end();
    await this.#worker.terminate();
  }

  #flush(): void {
    const batch = concatenate(this.#pending);
    this.#pending = [];
    this.#worker.postMessage(batch, [batch.buffer]);
  }

  #lose(reason: string, cause?: unknown): void {
    if (this.#closed || this.#lost) return;
    this.#lost = new DeviceError(
      'SIMULATOR_STOPPED',
      `the simulator stopped: ${reason}`,
      'run the command again; if it happens twice, report it with the output of: priot doctor --json',
      { cause },
    );
    this.#received.fail(this.#lost);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
