/** Images as the network takes them: rotated on the host, halved to 0..127. */
import type { ImageSet } from '../dataset/image-set.js';
import { imageInputs } from '../dataset/rotation.js';

/** Images first..first+count-1 of a set, rotated. Each is prepared when it is first asked for, and kept. */
export class InputImages {
  private readonly prepared: (Uint8Array | undefined)[];

  constructor(
    private readonly set: ImageSet,
    private readonly first: number,
    readonly count: number,
    /** Degrees, counter-clockwise as seen. */
    private readonly angle: number,
  ) {
    if (first < 0 || first + count > set.count) {
      throw new RangeError(`images ${first}..${first + count - 1} of a set of ${set.count}`);
    }
    this.prepared = new Array<Uint8Array | undefined>(count);
  }

  get name(): string {
    return this.set.name;
  }

  /** 0..127, HWC. `index` counts from the first image of this slice. */
  input(index: number): Uint8Array {
    const ready = this.prepared[index];
    if (ready !== undefined) return ready;
    const input = imageInputs(this.set, this.first + index, this.angle);
    this.prepared[index] = input;
    return input;
  }

  label(index: number): number {
    return this.set.labels[this.first + index]!;
  }
}
