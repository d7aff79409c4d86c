/**
 * Shifts of images: what the surroundings of a device may do to what its camera sees. Each is exact to the integer
 * (docs/datasets.md, "Shifts"), so that every machine makes the same pixels.
 */

import { UsageError } from '../errors.js';
import { seed0, Xorshift32 } from '../random.js';
import { type ImageSet, imagePixels } from './image-set.js';
import { rotateImage } from './rotation.js';

/** How each shift is written, for messages. */
// (the forms are below)
/** One change of an image. All take and give pixels of 0..255. */
export type Shift =
  /** Turns about the centre, counter-clockwise as seen. */
  | { readonly kind: 'rotate'; readonly degrees: number }
  /** Moves by whole pixels; what comes in from outside is 0. */
  | { readonly kind: 'translate'; readonly right: number; readonly down: number }
  /** Adds noise of this standard deviation (0..255), drawn from the seed and the image. */
  | { readonly kind: 'noise'; readonly deviation: number; readonly seed: number }
  /** Adds an amount (-255..255) to every pixel. */
  | { readonly kind: 'brightness'; readonly amount: number }
  /** Multiplies the distance from mid-grey (128) by factor / 256. */
  | { readonly kind: 'contrast'; readonly factor: number }
  /** Takes the mean of the square of 2 * radius + 1 pixels about each pixel. */
  | { readonly kind: 'blur'; readonly radius: number };

/** The size of one image: rows, columns, channels. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

const MID_GREY = 128;
/** 65536 / 443 is 147.9, the standard deviation of the sum of four bytes. */
const NOISE_SCALE = 443;

/** How each shift is written, and how its numbers are read; undefined from `read`: out of range. */
const forms: readonly {
  readonly name: string;
  readonly usage: string;
  readonly numbers: RegExp;
  readonly read: (numbers: readonly number[]) => Shift | undefined;
}[] = [
  {
    name: 'translate',
    usage: 'translate:RIGHT,DOWN (whole pixels, -1023..1023)',
    numbers: /^-?\d{1,4},-?\d{1,4}$/,
    read: ([right = 0, down = 0]) =>
      Math.abs(right) <= 1023 && Math.abs(down) <= 1023 ? { kind: 'translate', right, down } : undefined,
  },
  {
    name: 'noise',
    usage: 'noise:DEVIATION or noise:DEVIATION,SEED (0..255; seed 0..999999)',
    numbers: /^\d{1,3}(,\d{1,6})?$/,
    read: ([deviation = 0, seed = 0]) => (deviation <= 255 ? { kind: 'noise', deviation, seed } : undefined),
  },
  {
    name: 'brightness',
    usage: 'brightness:AMOUNT (-255..255)',
    numbers: /^-?\d{1,3}$/,
    read: ([amount = 0]) => (Math.abs(amount) <= 255 ? { kind: 'brightness', amount } : undefined),
  },
  {
    name: 'contrast',
    usage: 'contrast:FACTOR (0..8)',
    numbers: /^(\d{1,2}\.?\d{0,6}|\.\d{1,6})$/,
    read: ([factor = 1]) => (factor <= 8 ? { kind: 'contrast', factor: Math.floor(factor * 256 + 0.5) } : undefined),
  },
  {
    name: 'blur',
    usage: 'blur:RADIUS (0..16 pixels)',
    numbers: /^\d{1,2}$/,
    read: ([radius = 0]) => (radius <= 16 ? { kind: 'blur', radius } : undefined),
  },
];

/** How each shift is written, for messages. */
export const shiftForms: readonly string[] = forms.map(({ usage }) => usage);

/**
 * Reads a shift as `--shift` has it: `translate:2,-1`, `noise:20`, `brightness:-40`, `contrast:0.6`, `blur:1`.
 *
 * @throws UsageError BAD_SHIFT
 */
export function parseShift(text: string): Shift {
  const [name, values, ...more] = text.trim().split(':');
  const form = forms.find((candidate) => candidate.name === name);
  const known = form !== undefined && values !== undefined && more.length === 0 && form.numbers.test(values);
  const shift = known ? form.read(values.split(',').map(Number)) : undefined;
  if (shift !== undefined) return shift;
  throw new UsageError(
    'BAD_SHIFT',
    form === undefined ? `there is no shift ${JSON.stringify(text)}` : `${JSON.stringify(text)} is no ${form.name}`,
    `write it as ${form?.usage ?? shiftForms.join('; ')}`,
  );
}

/** Writes a shift as `parseShift` reads it; a rotation as `rotate:DEGREES`. */
export function formatShift(shift: Shift): string {
  switch (shift.kind) {
    case 'rotate':
      return `rotate:${shift.degrees}`;
    case 'translate':
      return `translate:${shift.right},${shift.down}`;
    case 'noise':
      return `noise:${shift.deviation}${shift.seed === 0 ? '' : `,${shift.seed}`}`;
    case 'brightness':
      return `brightness:${shift.amount}`;
    case 'contrast':
      return `contrast:${shortest(shift.factor)}`;
    case 'blur':
      return `blur:${shift.radius}`;
  }
}

/** The shortest decimal number that is read as factor / 256. */
function shortest(factor: number): string {
  const places = [0, 1, 2].find((digits) => Math.floor(Number((factor / 256).toFixed(digits)) * 256 + 0.5) === factor);
  return (factor / 256).toFixed(places ?? 3);
}

/** Gives the shifts of a session in the order in which they are applied: the rotation, then the others. */
export function shiftsOf(angleDegrees: number, others: readonly Shift[] = []): Shift[] {
  return angleDegrees === 0 ? [...others] : [{ kind: 'rotate', degrees: angleDegrees }, ...others];
}

/**
 * Applies shifts to one image, one after another. It is pure: the result depends on the pixels and the
 * shifts alone, never on the place of the image in its set.
 *
 * @param pixels 0..255, HWC
 * @returns a new array of the same size and layout
 */
export function shiftImage(pixels: Uint8Array, shape: ImageShape, shifts: readonly Shift[]): Uint8Array {
  let shifted: Uint8Array = Uint8Array.from(pixels);
  for (const shift of shifts) shifted = apply(shift, shifted, shape);
  return shifted;
}

/** Gives what a network sees of one image: shifted, then halved. uint8 0..127, HWC, a new array. */
export function shiftedInputs(set: ImageSet, index: number, shifts: readonly Shift[]): Uint8Array {
  const inputs = shiftImage(imagePixels(set, index), set, shifts);
  for (let i = 0; i < inputs.length; i++) inputs[i] = inputs[i]! >> 1;
  return inputs;
}

/** Shifts all images of a set. It is pure: the same set and shifts give the same bytes everywhere. */
export function shifted(set: ImageSet, shifts: readonly Shift[]): ImageSet {
  const pixels = new Uint8Array(set.pixels.length);
  const size = set.height * set.width * set.channels;
  for (let image = 0; image < set.count; image++) {
    pixels.set(shiftImage(imagePixels(set, image), set, shifts), image * size);
  }
  const name = [set.name, ...shifts.map(formatShift)].join(', ');
  return { ...set, name, pixels };
}

function apply(shift: Shift, pixels: Uint8Array, shape: ImageShape): Uint8Array {
  switch (shift.kind) {
    case 'rotate':
      return rotateImage(pixels, shape.height, shape.width, shape.channels, shift.degrees);
    case 'translate':
      return translated(pixels, shape, shift.right, shift.down);
    case 'noise':
      return noisy(pixels, shift.deviation, shift.seed);
    case 'brightness':
      return pixels.map((pixel) => clipped(pixel + shift.amount));
    case 'contrast':
      return pixels.map((pixel) => clipped(MID_GREY + (((pixel - MID_GREY) * shift.factor + 128) >> 8)));
    case 'blur':
      return blurred(pixels, shape, shift.radius);
  }
}

function clipped(value: number): number {
  return Math.min(255, Math.max(0, value));
}

function translated(pixels: Uint8Array, shape: ImageShape, right: number, down: number): Uint8Array {
  const { height, width, channels } = shape;
  const moved = new Uint8Array(pixels.length);
  const first = Math.max(0, right);
  const columns = width - Math.abs(right);
  if (columns <= 0) return moved;
  for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
    const from = ((row - down) * width + first - right) * channels;
    moved.set(pixels.subarray(from, from + columns * channels), (row * width + first) * channels);
  }
  return moved;
}

function noisy(pixels: Uint8Array, deviation: number, seed: number): Uint8Array {
  // From the image itself, so that it has the same noise wherever it stands, in the training set or held out of it.
  const random = new Xorshift32(seed0(seed) ^ fnv1a(pixels));
  return pixels.map((pixel) => {
    const draw = random.next();
    const sum = (draw & 255) + ((draw >>> 8) & 255) + ((draw >>> 16) & 255) + (draw >>> 24);
    return clipped(pixel + (((sum - 510) * deviation * NOISE_SCALE + 32768) >> 16));
  });
}

/** FNV-1a, 32 bits, as docs/arithmetic.md has it for checksums. */
function fnv1a(bytes: Uint8Array): number {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

function blurred(pixels: Uint8Array, { height, width, channels }: ImageShape, radius: number): Uint8Array {
  const area = (2 * radius + 1) ** 2;
  const along = windowSums(Int32Array.from(pixels), height, width * channels, channels, radius, width);
  const sums = windowSums(along, 1, height * width * channels, width * channels, radius, height);
  return Uint8Array.from(sums, (sum) => Math.floor((2 * sum + area) / (2 * area)));
}

/**
 * Sums of 2 * radius + 1 neighbours along one axis, the outermost standing for those outside.
 *
 * @param lines of `lineLength` numbers, each of `length` steps of `stride` numbers
 */
function windowSums(
  values: Int32Array,
  lines: number,
  lineLength: number,
  stride: number,
  radius: number,
  length: number,
): Int32Array {
  const sums = new Int32Array(values.length);
  for (let line = 0; line < lines; line++) {
    for (let lane = 0; lane < stride; lane++) {
      const start = line * lineLength + lane;
      const at = (step: number) => values[start + Math.min(length - 1, Math.max(0, step)) * stride]!;
      let sum = 0;
      for (let step = -radius; step <= radius; step++) sum += at(step);
      for (let step = 0; step < length; step++) {
        sums[start + step * stride] = sum;
        sum += at(step + radius + 1) - at(step - radius);
      }
    }
  }
  return sums;
}
