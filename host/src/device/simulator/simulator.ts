/**
 * The simulator: engine and session as WebAssembly. Exact, fast, without cycle counts.
 *
 * It works when the host asks for the next chunk, in the host's own thread: a window of steps is a few milliseconds, less
 * than two threads would spend on waking each other. For several at once there is `priot sweep --workers`.
 */
import { readFile } from 'node:fs/promises';
import { DeviceError } from '../../errors.js';
import { KeptModule } from '../../kept-module.js';
import { realClock } from '../clock.js';
import type { Device, DeviceDescription } from '../device.js';
import { SimulatedBoard } from './simulated-board.js';
import type { SimulatedFlash } from './simulated-flash.js';

const MODULE_URL = new URL('../../../simulator/priot.wasm', import.meta.url);
/** About a window of the frames of small images. */
const INITIAL_BUFFER_BYTES = 1 << 14;
const REBUILD = 'build it again: make simulator; from a package: npm install priot';

/**
 * Starts a simulated device; it has just been reset. `flash`: what an earlier one left in it; left out: nothing.
 * @throws DeviceError SIMULATOR_MISSING or SIMULATOR_DAMAGED; the signal's reason
 */
export async function openSimulator(options: { signal?: AbortSignal; flash?: SimulatedFlash } = {}): Promise<Device> {
  const { signal, flash } = options;
  const module = await compileModule(signal);
  signal?.throwIfAborted();
  return new Simulator(new SimulatedBoard(module, flash));
}

const kept = new KeptModule();

async function compileModule(signal: AbortSignal | undefined): Promise<WebAssembly.Module> {
  const bytes = await readFile(MODULE_URL, { signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new DeviceError('SIMULATOR_MISSING', `the simulator cannot be read: ${messageOf(cause)}`, REBUILD, { cause });
  });
  return kept.compile(bytes).catch((cause: unknown) => {
    throw new DeviceError('SIMULATOR_DAMAGED', `the simulator is damaged: ${messageOf(cause)}`, REBUILD, { cause });
  });
}

class Simulator implements Device {
  readonly description: DeviceDescription = { kind: 'simulator', name: 'simulator' };
  readonly clock = realClock;
  readonly #board: SimulatedBoard;
  /** What was written and is not handled yet, and how much of it there is. */
  #written = new Uint8Array(INITIAL_BUFFER_BYTES);
  #writtenBytes = 0;
  #lost: DeviceError | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(board: SimulatedBoard) {
    this.#board = board;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    while (!this.#closed) {
      const chunk = this.#work();
      if (chunk.length > 0) yield chunk;
      else if (this.#writtenBytes === 0 && !this.#closed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#closed) return Promise.reject(new DeviceError('DEVICE_CLOSED', 'the simulator is closed'));
    const end = this.#writtenBytes + bytes.length;
    if (end > this.#written.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.#written.subarray(0, this.#writtenBytes));
      this.#written = larger;
    }
    this.#written.set(bytes, this.#writtenBytes);
    this.#writtenBytes = end;
    this.#wake?.();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    return Promise.resolve();
  }

  #work(): Uint8Array {
    if (this.#lost) throw this.#lost;
    const written = this.#written.subarray(0, this.#writtenBytes);
    this.#writtenBytes = 0;
    try {
      return this.#board.handle(written);
    } catch (cause) {
      this.#lost = new DeviceError(
        'SIMULATOR_STOPPED',
        `the simulator stopped: ${messageOf(cause)}`,
        'run the command again; if it happens twice, report it with the output of: priot doctor --json',
        { cause },
      );
      throw this.#lost;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
