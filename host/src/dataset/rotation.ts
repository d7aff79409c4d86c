/** Rotated images, bit for bit as docs/arithmetic.md ("Random numbers", rotation) defines them. */

import { type ImageSet, imagePixels } from './image-set.js';

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
  const cos = Math.cos(radians);
  const sin = Math.sin(radians);
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

/** What a network sees of one image: rotated, then halved. uint8 0..127, HWC, a new array. */
export function imageInputs(set: ImageSet, index: number, angleDegrees: number): Uint8Array {
  const inputs = rotateImage(imagePixels(set, index), set.height, set.width, set.channels, angleDegrees);
  for (let i = 0; i < inputs.length; i++) inputs[i] = inputs[i]! >> 1;
  return inputs;
}
