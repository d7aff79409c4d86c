import type { Clock, Device } from '#host/device/device.js';
import type { Faults } from './fake-device.js';
import { xorshift } from './random.js';

/** Timeouts are over sooner; what is early is repeated, which must do no harm. */
const HASTE = 20;

/** A real device behind a line that loses, repeats and damages what is written and what is read. */
export class FaultyLine implements Device {
  readonly #device: Device;
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly clock: Clock;

  constructor(device: Device, faults: Faults) {
    this.#device = device;
    this.#faults = faults;
    this.#random = xorshift(faults.seed);
    this.clock = {
      nowMs: () => device.clock.nowMs() * HASTE,
      delay: (ms, signal) => device.clock.delay(ms / HASTE, signal),
    };
  }

  get description() {
    return this.#device.description;
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    for await (const chunk of this.#device.chunks()) yield* this.#pass(chunk);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const passed of this.#pass(bytes)) await this.#device.write(passed);
  }

  close(): Promise<void> {
    return this.#device.close();
  }

  #pass(bytes: Uint8Array): Uint8Array[] {
    const { drop = 0, duplicate = 0, flip = 0 } = this.#faults;
    if (this.#random() < drop) return [];
    const copy = bytes.slice();
    if (this.#random() < flip) copy[Math.floor(this.#random() * copy.length)]! ^= 1 << Math.floor(this.#random() * 8);
    return this.#random() < duplicate ? [copy, copy] : [copy];
  }
}
