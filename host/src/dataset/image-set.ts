/** Labelled images in memory. */

/** Images of one size with their labels. */
export interface ImageSet {
  /** `mnist train`, `digits test`: what logs call it. */
  readonly name: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Number of classes; every label is below it. */
  readonly classes: number;
  /** 0..255, HWC, one image after another: count * height * width * channels bytes. */
  readonly pixels: Uint8Array;
  /** The labels, one byte per image. */
  readonly labels: Uint8Array;
}

/** Returns the pixels of one image (a view, not a copy), 0..255, HWC. `index` is 0..count-1, else RangeError. */
export function imagePixels(set: ImageSet, index: number): Uint8Array {
  if (!Number.isInteger(index) || index < 0 || index >= set.count) {
    throw new RangeError(`${set.name} has images 0..${set.count - 1}, not ${index}`);
  }
  const size = set.height * set.width * set.channels;
  return set.pixels.subarray(index * size, (index + 1) * size);
}
