/** Random numbers from a seed alone: training sessions, pretraining (docs/arithmetic.md, "Random numbers"). */

/** xorshift32 with the shifts 13, 17, 5. A state of 0 is replaced by 1. */
export class Xorshift32 {
  private state: number;

  constructor(state: number) {
    this.state = state >>> 0 || 1;
  }

  /** The next number, 1..2^32-1. */
  next(): number {
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state >>> 0;
    return this.state;
  }
}

/** Returns the state from which everything of session `seed` (0..2^32-1) is drawn. */
export function seed0(seed: number): number {
  return (Math.imul(seed, 747796405) + 2891336453) >>> 0;
}

/** Draws one score: the sum of four bytes, std about 32, within -110..109. */
export function drawScore(random: Xorshift32): number {
  const draw = random.next();
  const sum = (draw & 255) + ((draw >>> 8) & 255) + ((draw >>> 16) & 255) + (draw >>> 24);
  return ((sum - 510) * 55) >> 8;
}

/** Draws the initial scores of all layers in canonical order. */
export function drawScores(edgesPerLayer: readonly number[], seed: number): Int8Array {
  const random = new Xorshift32(seed0(seed));
  return Int8Array.from({ length: edgesPerLayer.reduce((sum, edges) => sum + edges, 0) }, () => drawScore(random));
}

/** The order of the images of each epoch: a Fisher-Yates shuffle of the order of the epoch before. */
export class EpochOrder {
  private readonly random: Xorshift32;
  private readonly order: Uint32Array;
  private epoch = -1;

  constructor(seed: number, images: number) {
    this.random = new Xorshift32(seed0(seed) ^ 0x5bd1e995);
    this.order = Uint32Array.from({ length: images }, (_, index) => index);
  }

  /** Image of each step of `epoch` (0-based), a view that is valid until the next call. Epochs only go up. */
  of(epoch: number): Uint32Array {
    if (epoch < this.epoch) throw new RangeError(`epoch ${epoch} after epoch ${this.epoch}`);
    while (this.epoch < epoch) {
      this.shuffle();
      this.epoch += 1;
    }
    return this.order;
  }

  private shuffle(): void {
    for (let last = this.order.length - 1; last >= 1; last -= 1) {
      // at most 2^32 * 2^21: exact in a double
      const other = Math.floor((this.random.next() * (last + 1)) / 2 ** 32);
      const image = this.order[last]!;
      this.order[last] = this.order[other]!;
      this.order[other] = image;
    }
  }
}
