/** The emulator without turns, for a bridge to a pty: bytes are delivered as they come, and nothing waits for the host. */

import { CLOCK_HZ } from './emulated-clock.js';
import type { Command, DeviceEvent } from './messages.js';
import { Pico, type PicoOptions } from './pico.js';

/** The most that one call of `advance` runs: 1 emulated ms. */
const SLICE_CYCLES = CLOCK_HZ / 1000;

export class Live {
  private readonly pico: Pico;
  private readonly bytes: Uint8Array[] = [];
  private events: DeviceEvent[] = [];
  private ready = false;
  private lost = false;

  constructor(options: Pick<PicoOptions, 'rom' | 'flash'>) {
    this.pico = new Pico({
      ...options,
      onConsoleLine: (line) => this.events.push({ type: 'console', line }),
      onPacket: (bytes) => this.events.push({ type: 'packet', cycles: this.pico.cycles, bytes }),
      onIdle: () => true,
    });
  }

  receive(command: Command): void {
    this.bytes.push(...command.actions.bytes);
  }

  takeEvents(): DeviceEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  /** Runs a slice. False: the device is idle; then call again with `awake` as real time goes by, for its timers. */
  advance(awake = false): boolean {
    if (this.lost) return false;
    const { pico, bytes } = this;
    if (!this.ready && pico.cdc.configured) {
      this.ready = true;
      this.events.push({ type: 'ready', cycles: pico.cycles });
    }
    if (pico.cdc.configured) for (const entry of bytes.splice(0)) pico.cdc.send(entry);
    if (awake && pico.idle) pico.machine.sleepUntil(pico.cycles + SLICE_CYCLES);
    if (!awake && pico.idle) return false;
    pico.machine.run(pico.cycles + SLICE_CYCLES);
    if (pico.lost) {
      this.lost = true;
      this.events.push(pico.lost);
    }
    return true;
  }
}
