/**
 * Generated handwritten-looking digits, 28x28, white on black, laid out like MNIST: drawn into a 20x20 box, the centre
 * of mass in the middle of the image. The same images on every machine: 32-bit integers and IEEE-754 doubles, of which
 * only + - * / and square root are used.
 */

import { DataError } from '../errors.js';
import { sha256 } from '../files.js';
import { describeDataset } from './description.js';
import { type Glyph, glyphs } from './glyphs.js';
import type { ImageSet } from './image-set.js';
import type { Dataset } from './types.js';

const SIDE = 28;
const BOX = 20;
const CENTRE = SIDE / 2;
const IMAGE_BYTES = SIDE * SIDE;
/** Straight pieces between two points of a stroke. */
const PIECES = 6;
/** Pixels over which the edge of a stroke fades. */
const EDGE = 1.2;

/** Uniform random numbers of one image. */
class ImageRandom {
  #state: number;

  /** Distinct images have distinct states: the multiplier is odd, so the product is a bijection on 32 bits. */
  constructor(imageId: number) {
    this.#state = Math.imul(imageId + 1, 0x9e3779b1) >>> 0;
    for (let i = 0; i < 8; i++) this.uniform(); // xorshift needs some steps to tell neighbouring states apart
  }

  /** xorshift32 over 2^32: 0 <= value < 1. */
  uniform(): number {
    let r = this.#state;
    r ^= r << 13;
    r ^= r >>> 17;
    r ^= r << 5;
    this.#state = r >>> 0;
    return this.#state / 0x1_0000_0000;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Nearly normal, mean 0, standard deviation 1, within +-3.5: the sum of four uniform numbers. */
  normal(): number {
    return (this.uniform() + this.uniform() + this.uniform() + this.uniform() - 2) * Math.sqrt(3);
  }
}

interface Point {
  readonly x: number;
  readonly y: number;
}

type Segment = readonly [from: Point, to: Point];

function pick(digit: number, random: ImageRandom): Glyph {
  const ways = glyphs[digit]!;
  let rest = random.uniform();
  for (const glyph of ways) {
    rest -= glyph.weight;
    if (rest < 0) return glyph;
  }
  return ways[0]!;
}

/** The glyph's points as this writer puts them: moved, bent, slanted, turned a little. Height about 1, centred at 0. */
function write(glyph: Glyph, random: ImageRandom): Point[] {
  const aspect = glyph.aspect * (1 + 0.18 * random.normal());
  const slant = 0.15 + 0.25 * random.normal();
  // A turn by a small angle without trigonometry: t is the tangent of half the angle.
  const t = 0.04 * random.normal();
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  const bend = 0.2 * random.normal();
  const topHeavy = 0.12 * random.normal();
  const jitter = 0.025 + 0.035 * random.uniform();
  return glyph.points.map(([glyphX, glyphY]) => {
    const v = glyphY - 0.5 + jitter * random.normal();
    const u = (glyphX - 0.5) * aspect * (1 - topHeavy * 4 * v) + jitter * random.normal();
    const x = u - slant * v + bend * (v * v - 0.08);
    return { x: cos * x - sin * v, y: sin * x + cos * v };
  });
}

/** Catmull-Rom curves through the strokes' points, as short straight segments. */
function trace(points: readonly Point[], strokes: Glyph['strokes']): Segment[] {
  const segments: Segment[] = [];
  for (const stroke of strokes) {
    const closed = stroke[0] === stroke[stroke.length - 1];
    const last = stroke.length - 1;
    const at = (i: number): Point => {
      if (i < 0) return closed ? points[stroke[last - 1]!]! : points[stroke[0]!]!;
      if (i > last) return closed ? points[stroke[1]!]! : points[stroke[last]!]!;
      return points[stroke[i]!]!;
    };
    let from = at(0);
    for (let i = 0; i < last; i++) {
      const [before, start, end, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
      for (let piece = 1; piece <= PIECES; piece++) {
        const s = piece / PIECES;
        const curve = (p0: number, p1: number, p2: number, p3: number) =>
          p1 + 0.5 * s * (p2 - p0 + s * (2 * p0 - 5 * p1 + 4 * p2 - p3 + s * (3 * (p1 - p2) + p3 - p0)));
        const to = {
          x: curve(before.x, start.x, end.x, after.x),
          y: curve(before.y, start.y, end.y, after.y),
        };
        segments.push([from, to]);
        from = to;
      }
    }
  }
  return segments;
}

/** Scales segments into the box and puts their centre of mass (that of the line) into the middle of the image. */
function place(segments: readonly Segment[], radius: number, random: ImageRandom): Segment[] {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  let [mass, massX, massY] = [0, 0, 0];
  for (const [from, to] of segments) {
    left = Math.min(left, from.x, to.x);
    right = Math.max(right, from.x, to.x);
    top = Math.min(top, from.y, to.y);
    bottom = Math.max(bottom, from.y, to.y);
    const length = Math.sqrt((to.x - from.x) * (to.x - from.x) + (to.y - from.y) * (to.y - from.y));
    mass += length;
    massX += (length * (from.x + to.x)) / 2;
    massY += (length * (from.y + to.y)) / 2;
  }
  const room = BOX - 2 * radius;
  const scale = (random.between(0.94, 1) * room) / Math.max(right - left, bottom - top);
  const shiftX = CENTRE + 0.3 * random.normal();
  const shiftY = CENTRE + 0.3 * random.normal();
  const move = ({ x, y }: Point): Point => ({
    x: (x - massX / mass) * scale + shiftX,
    y: (y - massY / mass) * scale + shiftY,
  });
  return segments.map(([from, to]) => [move(from), move(to)]);
}

/** Draws strokes of a round pen. `distances` is scratch: the signed distance of each pixel from the nearest stroke. */
function draw(segments: readonly Segment[], radius: number, distances: Float64Array, pixels: Uint8Array): void {
  const reach = radius + EDGE;
  distances.fill(EDGE);
  for (const [from, to] of segments) {
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const squared = dx * dx + dy * dy;
    const firstRow = Math.max(0, Math.ceil(Math.min(from.y, to.y) - reach));
    const lastRow = Math.min(SIDE - 1, Math.floor(Math.max(from.y, to.y) + reach));
    const firstColumn = Math.max(0, Math.ceil(Math.min(from.x, to.x) - reach));
    const lastColumn = Math.min(SIDE - 1, Math.floor(Math.max(from.x, to.x) + reach));
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        const along = squared === 0 ? 0 : ((column - from.x) * dx + (row - from.y) * dy) / squared;
        const clipped = Math.min(1, Math.max(0, along));
        const awayX = column - from.x - clipped * dx;
        const awayY = row - from.y - clipped * dy;
        const distance = Math.sqrt(awayX * awayX + awayY * awayY) - radius;
        const pixel = row * SIDE + column;
        if (distance < distances[pixel]!) distances[pixel] = distance;
      }
    }
  }
  for (let pixel = 0; pixel < IMAGE_BYTES; pixel++) {
    const coverage = Math.min(1, Math.max(0, 0.5 - distances[pixel]! / EDGE));
    pixels[pixel] = Math.floor(coverage * 255 + 0.5);
  }
}

/**
 * Generates images `firstId`.. `firstId + count - 1`. An image depends on its id alone.
 *
 * @param firstId 0..2^32-2
 */
export function generateDigits(name: string, firstId: number, count: number): ImageSet {
  const pixels = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  const distances = new Float64Array(IMAGE_BYTES);
  for (let image = 0; image < count; image++) {
    const random = new ImageRandom(firstId + image);
    const digit = Math.floor(random.uniform() * 10);
    const glyph = pick(digit, random);
    const radius = Math.max(0.6, 1.2 + 0.36 * random.normal());
    const segments = place(trace(write(glyph, random), glyph.strokes), radius, random);
    draw(segments, radius, distances, pixels.subarray(image * IMAGE_BYTES, (image + 1) * IMAGE_BYTES));
    labels[image] = digit;
  }
  return { name, count, height: SIDE, width: SIDE, channels: 1, classes: 10, pixels, labels };
}

/** Returns SHA-256 over the pixels, then the labels. */
export function digestOf(set: ImageSet): string {
  return sha256(set.pixels, set.labels);
}

/**
 * Returns the data set `digits` of datasets/digits.json. Each half is generated when it is first asked for.
 *
 * @throws (from `train` and `test`) DataError WRONG_CHECKSUM when this machine draws other images than the recorded ones
 */
export function digitsDataset(): Dataset {
  const description = describeDataset('digits');
  const halves = new Map<string, ImageSet>();
  const half = (part: 'train' | 'test'): ImageSet => {
    const { firstId, images, sha256 } = description[part];
    let set = halves.get(part);
    if (!set) {
      set = generateDigits(`digits ${part}`, firstId, images);
      const actual = digestOf(set);
      if (actual !== sha256) {
        throw new DataError(
          'WRONG_CHECKSUM',
          `the generated digits (${part}) have SHA-256 ${actual}, expected ${sha256}`,
          'report it with the version of Node and the kind of processor: results would not be comparable',
        );
      }
      halves.set(part, set);
    }
    return set;
  };
  return {
    name: 'digits',
    classNames: description.classes,
    get train() {
      return half('train');
    },
    get test() {
      return half('test');
    },
    provenance: {
      files: [
        { name: 'train', sha256: description.train.sha256 },
        { name: 'test', sha256: description.test.sha256 },
      ],
      source: 'generated',
    },
  };
}
