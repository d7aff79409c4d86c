/** One direction of a faulty line: frames in, and what is left of them out. */
import type { Faults } from './faults.js';

/** Stalls last this long, in milliseconds, short ones as often as long ones. */
const STALL_MS = { shortest: 20, longest: 5_000 };

export class FaultyDirection {
  readonly #faults: Faults;
  readonly #random: () => number;
  /** A frame that the next one overtakes. */
  #held: Uint8Array[] | undefined;

  constructor(faults: Faults, random: () => number) {
    this.#faults = faults;
    this.#random = random;
  }

  /**
   * Carries one frame, its 0x00 included.
   * @returns what arrives, in order, and for how long nothing does from now on
   */
  carry(frame: Uint8Array): { arriving: Uint8Array[]; stallMs: number } {
    const { drop, duplicate, flip, truncate, reorder, stall } = this.#faults;
    // Always drawn alike, so that one fault's chance does not decide which frames the others meet.
    const [dropped, doubled, flipped, cut, overtaken, stalled] = [drop, duplicate, flip, truncate, reorder, stall].map(
      (chance) => this.#random() < chance,
    );
    const where = this.#random();
    const which = this.#random();
    let copy = frame;
    if (flipped) {
      copy = frame.slice();
      copy[Math.floor(where * copy.length)]! ^= 1 << Math.floor(which * 8);
    }
    if (cut) copy = copy.subarray(0, 1 + Math.floor(where * (copy.length - 1)));
    const passed = dropped ? [] : doubled ? [copy, copy] : [copy];
    const stallMs = stalled ? STALL_MS.shortest * (STALL_MS.longest / STALL_MS.shortest) ** which : 0;
    if (overtaken && this.#held === undefined) {
      this.#held = passed;
      return { arriving: [], stallMs };
    }
    const arriving = [...passed, ...(this.#held ?? [])];
    this.#held = undefined;
    return { arriving, stallMs };
  }
}

/** Cuts a byte stream into frames, each with the 0x00 that ends it. */
export class FrameCutter {
  #begun: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, start)) {
      frames.push(this.#complete(chunk.subarray(start, end + 1)));
      start = end + 1;
    }
    if (start < chunk.length) this.#begun = this.#complete(chunk.subarray(start));
    return frames;
  }

  #complete(rest: Uint8Array): Uint8Array {
    const whole = new Uint8Array(this.#begun.length + rest.length);
    whole.set(this.#begun);
    whole.set(rest, this.#begun.length);
    this.#begun = new Uint8Array(0);
    return whole;
  }
}
