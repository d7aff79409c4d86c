/** The WebAssembly module (firmware/wasm): bytes in, the device's answers out, synchronously. */
import { randomInt } from 'node:crypto';
import { concatenate } from './concatenate.js';
import { PAGE_BYTES, SimulatedFlash } from './simulated-flash.js';

/** What firmware/wasm/simulator.c exports. */
interface SimulatorExports {
  memory: WebAssembly.Memory;
  /** Returns the address of the receive buffer. */
  boot(bootId: number, resetCause: number): number;
  receiveBufferBytes(): number;
  /** Handles bytes of the receive buffer, one frame at most; returns how many it took. */
  receive(offset: number, length: number): number;
}

/** ResetCause of proto/priot.proto. */
const RESET_CAUSE_POWER_ON = 0;
const RESET_CAUSE_REQUESTED = 4;

export class SimulatedBoard {
  readonly #module: WebAssembly.Module;
  readonly #flash: SimulatedFlash;
  #exports: SimulatorExports;
  #receiveBuffer: Uint8Array;
  #answers: Uint8Array[] = [];
  #restartAsked = false;

  /** Powers a board on. `flash`: as an earlier board left it. */
  constructor(module: WebAssembly.Module, flash = new SimulatedFlash()) {
    this.#module = module;
    this.#flash = flash;
    [this.#exports, this.#receiveBuffer] = this.#boot(RESET_CAUSE_POWER_ON);
  }

  /** Takes bytes; returns what the device sent while it dealt with them. Throws when the module traps. */
  handle(bytes: Uint8Array): Uint8Array {
    for (let begin = 0; begin < bytes.length; ) {
      const part = bytes.subarray(begin, begin + this.#receiveBuffer.length);
      this.#receiveBuffer.set(part);
      for (let taken = 0; taken < part.length && !this.#restartAsked; ) {
        taken += this.#exports.receive(taken, part.length - taken);
      }
      begin += part.length;
      if (this.#restartAsked) {
        this.#restartAsked = false;
        [this.#exports, this.#receiveBuffer] = this.#boot(RESET_CAUSE_REQUESTED);
        break; // a reset loses what was under way to the device
      }
    }
    const answers = this.#answers;
    this.#answers = [];
    return concatenate(answers);
  }

  #boot(resetCause: number): [SimulatorExports, Uint8Array] {
    const instance = new WebAssembly.Instance(this.#module, {
      host: {
        send: (address: number, length: number) => {
          this.#answers.push(new Uint8Array(exports.memory.buffer, address, length).slice());
        },
        restart: () => {
          this.#restartAsked = true;
        },
        readFlash: (offset: number, address: number, length: number) => {
          this.#flash.read(offset, new Uint8Array(exports.memory.buffer, address, length));
        },
        eraseSector: (offset: number) => this.#flash.eraseSector(offset),
        programPage: (offset: number, address: number) => {
          this.#flash.program(offset, new Uint8Array(exports.memory.buffer, address, PAGE_BYTES));
        },
      },
    });
    const exports = instance.exports as unknown as SimulatorExports;
    const address = exports.boot(randomInt(1, 0x1_0000_0000), resetCause);
    return [exports, new Uint8Array(exports.memory.buffer, address, exports.receiveBufferBytes())];
  }
}
