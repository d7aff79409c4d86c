/// <reference path="../../host/src/device/simulator/webassembly.d.ts" />
import { readFileSync } from 'node:fs';
import type { Device, DeviceDescription } from '#host/device/device.js';
import { SimulatedBoard } from '#host/device/simulator/simulated-board.js';
import { SimulatedFlash } from '#host/device/simulator/simulated-flash.js';
import type { DeviceSource } from '#host/device/source.js';
import type { VirtualTime } from './virtual-time.js';

const module = await WebAssembly.compile(readFileSync(new URL('../../dist/simulator/priot.wasm', import.meta.url)));

/** The firmware's session and engine, in virtual time. */
export class VirtualBoard implements Device {
  readonly description: DeviceDescription = { kind: 'simulator', name: 'simulator' };
  readonly clock: VirtualTime;
  readonly #board: SimulatedBoard;
  #written: Uint8Array[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(time: VirtualTime, flash = new SimulatedFlash()) {
    this.clock = time;
    this.#board = new SimulatedBoard(module, flash);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    while (!this.#closed) {
      const bytes = this.#board.handle(Buffer.concat(this.#written.splice(0)));
      this.clock.stir();
      if (bytes.length > 0) yield bytes;
      else if (this.#written.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.clock.stir();
    this.#written.push(bytes.slice());
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
  }
}

/** A new board each time, on the same flash if there is one. */
export function virtualBoards(time: VirtualTime, flash?: SimulatedFlash): DeviceSource {
  return { open: async () => new VirtualBoard(time, flash), close: async () => {} };
}
