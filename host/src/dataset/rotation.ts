/** Rotated images, bit for bit as docs/arithmetic.md ("Random numbers", rotation) defines them. */

import { type ImageSet, imagePixels } from './image-set.js';

/**
 * The number of the rule by which images are rotated. Runs record it, so that an older run that is repeated can say why
 * it differs: rule 1 took cos and sin as the mathematics library gives them, rule 2 rounds them first.
 */
export const ROTATION_VERSION = 2;

/**
 * Says why a run that is repeated now may end in another state than it recorded, for its user to read.
 *
 * @param recorded the rotation version in its run.json; absent there: 1
 * @param angleDegrees the angle of the run
 * @returns undefined when its images are rotated as they were. Turns by a multiple of 90 degrees are alike in both.
 */
export function rotationDifference(recorded: number | undefined, angleDegrees: number): string | undefined {
  if ((recorded ?? 1) === ROTATION_VERSION || angleDegrees % 90 === 0) return undefined;
  return (
    'that run rotated its images by an older rule, with cos and sin as the mathematics library gave them; they are ' +
    'rounded to multiples of 2^-32 now, so a few pixels in a million differ, and with them the learned state'
  );
}

/** Rounds half up to a multiple of 2^-32: the last bits of cos and sin differ between mathematics libraries. */
function rounded(value: number): number {
  return Math.floor(value * 2 ** 32 + 0.5) / 2 ** 32;
}

/**
 * Rotates an image about its centre, counter-clockwise as seen, with bilinear interpolation; outside the image is 0.
 *
 * The order of the double operations is part of the contract: another order may round a pixel differently.
 *
 * @param pixels 0..255, HWC
 * @param angleDegrees any finite angle
 * @returns a new array of the same size and layout
 */
export function rotateImage(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
  angleDegrees: number,
): Uint8Array {
  const radians = (angleDegrees * Math.PI) / 180;
  const cos = rounded(Math.cos(radians));
  const sin = rounded(Math.sin(radians));
  const centreY = (height - 1) / 2;
  const centreX = (width - 1) / 2;
  const rotated = new Uint8Array(height * width * channels);
  let out = 0;
  for (let row = 0; row < height; row++) {
    const y = row - centreY;
    for (let column = 0; column < width; column++) {
      const x = column - centreX;
      const sourceX = cos * x - sin * y + centreX;
      const sourceY = sin * x + cos * y + centreY;
      const x0 = Math.floor(sourceX);
      const y0 = Math.floor(sourceY);
      const fx = sourceX - x0;
      const fy = sourceY - y0;
      const left = x0 >= 0 && x0 < width;
      const right = x0 + 1 >= 0 && x0 + 1 < width;
      const top = y0 >= 0 && y0 < height;
      const bottom = y0 + 1 >= 0 && y0 + 1 < height;
      const tap = (y0 * width + x0) * channels;
      for (let channel = 0; channel < channels; channel++) {
        const base = tap + channel;
        const p00 = top && left ? pixels[base]! : 0;
        const p01 = top && right ? pixels[base + channels]! : 0;
        const p10 = bottom && left ? pixels[base + width * channels]! : 0;
        const p11 = bottom && right ? pixels[base + (width + 1) * channels]! : 0;
        const value = p00 * (1 - fx) * (1 - fy) + p01 * fx * (1 - fy) + p10 * (1 - fx) * fy + p11 * fx * fy;
        rotated[out++] = Math.min(255, Math.max(0, Math.floor(value + 0.5)));
      }
    }
  }
  return rotated;
}

/** Makes what a network sees of one image: rotated, then halved. uint8 0..127, HWC, a new array. */
export function imageInputs(set: ImageSet, index: number, angleDegrees: number): Uint8Array {
  const inputs = rotateImage(imagePixels(set, index), set.height, set.width, set.channels, angleDegrees);
  for (let i = 0; i < inputs.length; i++) inputs[i] = inputs[i]! >> 1;
  return inputs;
}
