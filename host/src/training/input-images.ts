/** Images as the network takes them: shifted on the host, halved to 0..127. */
import type { ImageSet } from '../dataset/image-set.js';
import { type Shift, shiftedInputs } from '../dataset/shifts.js';

/** Prepared inputs of a set by their index in it. */
export type PreparedImages = (Uint8Array | undefined)[];

/** Images first..first+count-1 of a set, shifted. Each is prepared when it is first asked for, and kept. */
export class InputImages {
  constructor(
    private readonly set: ImageSet,
    private readonly first: number,
    readonly count: number,
    /** What is done to each image, in order. */
    private readonly shifts: readonly Shift[],
    /** Inputs of the set with these shifts, as far as they are ready: those who share it prepare each image once. */
    private readonly prepared: PreparedImages = [],
  ) {
    if (first < 0 || first + count > set.count) {
      throw new RangeError(`images ${first}..${first + count - 1} of a set of ${set.count}`);
    }
  }

  get name(): string {
    return this.set.name;
  }

  /** Height, width and channels of every image. */
  get shape(): { readonly height: number; readonly width: number; readonly channels: number } {
    const { height, width, channels } = this.set;
    return { height, width, channels };
  }

  /** 0..127, HWC. `index` counts from the first image of this slice. */
  input(index: number): Uint8Array {
    const position = this.first + index;
    const ready = this.prepared[position];
    if (ready !== undefined) return ready;
    const input = shiftedInputs(this.set, position, this.shifts);
    this.prepared[position] = input;
    return input;
  }

  label(index: number): number {
    return this.set.labels[this.first + index]!;
  }
}
