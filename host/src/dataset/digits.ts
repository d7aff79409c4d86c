/**
 * Generated handwritten-looking digits, 28x28, white on black, laid out like MNIST: drawn into a 20x20 box, the centre
 * of mass in the middle of the image. The same images on every machine: 32-bit integers and IEEE-754 doubles, of which
 * only + - * / and square root are used.
 */

import { DataError } from '../errors.js';
import { sha256 } from '../files.js';
import { describeDataset, type GeneratedPart } from './description.js';
import type { DrawnImages } from './drawn-images.js';
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

/** Straight segments, x and y of both ends of each: one array for all images, since making them costs more than drawing. */
class Segments {
  readonly ends: Float64Array;
  /** Numbers in use: four a segment. */
  length = 0;

  constructor(most: number) {
    this.ends = new Float64Array(4 * most);
  }

  add(fromX: number, fromY: number, toX: number, toY: number): void {
    const { ends, length } = this;
    ends[length] = fromX;
    ends[length + 1] = fromY;
    ends[length + 2] = toX;
    ends[length + 3] = toY;
    this.length = length + 4;
  }
}

/** The value at `s`, 0..1, of the Catmull-Rom curve from p1 to p2. */
function curve(s: number, p0: number, p1: number, p2: number, p3: number): number {
  return p1 + 0.5 * s * (p2 - p0 + s * (2 * p0 - 5 * p1 + 4 * p2 - p3 + s * (3 * (p1 - p2) + p3 - p0)));
}

/** Catmull-Rom curves through the strokes' points, as short straight segments. */
function trace(points: readonly Point[], strokes: Glyph['strokes'], segments: Segments): void {
  segments.length = 0;
  for (const stroke of strokes) {
    const closed = stroke[0] === stroke[stroke.length - 1];
    const last = stroke.length - 1;
    const at = (i: number): Point => {
      if (i < 0) return closed ? points[stroke[last - 1]!]! : points[stroke[0]!]!;
      if (i > last) return closed ? points[stroke[1]!]! : points[stroke[last]!]!;
      return points[stroke[i]!]!;
    };
    let { x: fromX, y: fromY } = at(0);
    for (let i = 0; i < last; i++) {
      const [before, start, end, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
      for (let piece = 1; piece <= PIECES; piece++) {
        const s = piece / PIECES;
        const x = curve(s, before.x, start.x, end.x, after.x);
        const y = curve(s, before.y, start.y, end.y, after.y);
        segments.add(fromX, fromY, x, y);
        fromX = x;
        fromY = y;
      }
    }
  }
}

/** Scales segments into the box and puts their centre of mass (that of the line) into the middle of the image. */
function place({ ends, length }: Segments, radius: number, random: ImageRandom): void {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  let [mass, massX, massY] = [0, 0, 0];
  for (let i = 0; i < length; i += 4) {
    const fromX = ends[i]!;
    const fromY = ends[i + 1]!;
    const toX = ends[i + 2]!;
    const toY = ends[i + 3]!;
    left = Math.min(left, fromX, toX);
    right = Math.max(right, fromX, toX);
    top = Math.min(top, fromY, toY);
    bottom = Math.max(bottom, fromY, toY);
    const distance = Math.sqrt((toX - fromX) * (toX - fromX) + (toY - fromY) * (toY - fromY));
    mass += distance;
    massX += (distance * (fromX + toX)) / 2;
    massY += (distance * (fromY + toY)) / 2;
  }
  const room = BOX - 2 * radius;
  const scale = (random.between(0.94, 1) * room) / Math.max(right - left, bottom - top);
  const shiftX = CENTRE + 0.3 * random.normal();
  const shiftY = CENTRE + 0.3 * random.normal();
  for (let i = 0; i < length; i += 2) {
    ends[i] = (ends[i]! - massX / mass) * scale + shiftX;
    ends[i + 1] = (ends[i + 1]! - massY / mass) * scale + shiftY;
  }
}

/**
 * Draws strokes of a round pen. `nearest` is scratch: the square of each pixel's distance from the nearest stroke.
 *
 * Drawing takes most of a short session's time, so nothing is computed that no pixel shows: pixels beyond the edge are
 * left out, only places between a stroke's ends need the division, and of squares the smaller one has the smaller root.
 */
function draw({ ends, length }: Segments, radius: number, nearest: Float64Array, pixels: Uint8Array): void {
  // where coverage, 0.5 at the radius, has faded to 0
  const reach = radius + EDGE / 2;
  nearest.fill(Infinity);
  for (let i = 0; i < length; i += 4) {
    const fromX = ends[i]!;
    const fromY = ends[i + 1]!;
    const toX = ends[i + 2]!;
    const toY = ends[i + 3]!;
    const dx = toX - fromX;
    const dy = toY - fromY;
    const squared = dx * dx + dy * dy;
    const firstRow = Math.max(0, Math.ceil((fromY < toY ? fromY : toY) - reach));
    const lastRow = Math.min(SIDE - 1, Math.floor((fromY < toY ? toY : fromY) + reach));
    const firstColumn = Math.max(0, Math.ceil((fromX < toX ? fromX : toX) - reach));
    const lastColumn = Math.min(SIDE - 1, Math.floor((fromX < toX ? toX : fromX) + reach));
    for (let row = firstRow; row <= lastRow; row++) {
      const down = row - fromY;
      const alongDown = down * dy;
      for (let column = firstColumn; column <= lastColumn; column++) {
        const right = column - fromX;
        const dot = right * dx + alongDown;
        let awayX = right;
        let awayY = down;
        if (dot > 0) {
          const along = dot >= squared ? 1 : dot / squared;
          awayX -= along * dx;
          awayY -= along * dy;
        }
        const away = awayX * awayX + awayY * awayY;
        const pixel = row * SIDE + column;
        if (away < nearest[pixel]!) nearest[pixel] = away;
      }
    }
  }
  for (let pixel = 0; pixel < IMAGE_BYTES; pixel++) {
    const away = nearest[pixel]!;
    if (away === Infinity) continue; // the image is black before it is drawn on
    const coverage = Math.min(1, Math.max(0, 0.5 - (Math.sqrt(away) - radius) / EDGE));
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
  const nearest = new Float64Array(IMAGE_BYTES);
  const segments = new Segments(PIECES * Math.max(...glyphs.flat().map(({ strokes }) => strokes.flat().length)));
  for (let image = 0; image < count; image++) {
    const random = new ImageRandom(firstId + image);
    const digit = Math.floor(random.uniform() * 10);
    const glyph = pick(digit, random);
    const radius = Math.max(0.6, 1.2 + 0.36 * random.normal());
    trace(write(glyph, random), glyph.strokes, segments);
    place(segments, radius, random);
    draw(segments, radius, nearest, pixels.subarray(image * IMAGE_BYTES, (image + 1) * IMAGE_BYTES));
    labels[image] = digit;
  }
  return setOf(name, pixels, labels);
}

/** Returns SHA-256 over the pixels, then the labels. */
export function digestOf(set: ImageSet): string {
  return sha256(set.pixels, set.labels);
}

/**
 * Returns the data set `digits` of datasets/digits.json. Each half is generated when it is first asked for.
 *
 * @param drawn where halves that were generated before are kept; without it, each is generated here
 * @throws (from `train` and `test`) DataError WRONG_CHECKSUM when this machine draws other images than the recorded ones
 */
export function digitsDataset(drawn?: DrawnImages): Dataset {
  const description = describeDataset('digits');
  const halves = new Map<string, ImageSet>();
  const half = (part: 'train' | 'test'): ImageSet => {
    let set = halves.get(part);
    if (!set) {
      set = keptHalf(part, description[part], drawn) ?? drawnHalf(part, description[part], drawn);
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

function keptHalf(part: string, { images, sha256 }: GeneratedPart, drawn?: DrawnImages): ImageSet | undefined {
  const bytes = drawn?.read(sha256);
  return (
    bytes && setOf(`digits ${part}`, bytes.subarray(0, images * IMAGE_BYTES), bytes.subarray(images * IMAGE_BYTES))
  );
}

function drawnHalf(part: string, { firstId, images, sha256 }: GeneratedPart, drawn?: DrawnImages): ImageSet {
  const set = generateDigits(`digits ${part}`, firstId, images);
  const actual = digestOf(set);
  if (actual !== sha256) {
    throw new DataError(
      'WRONG_CHECKSUM',
      `the generated digits (${part}) have SHA-256 ${actual}, expected ${sha256}`,
      'report it with the version of Node and the kind of processor: results would not be comparable',
    );
  }
  drawn?.keep(sha256, [set.pixels, set.labels]);
  return set;
}

function setOf(name: string, pixels: Uint8Array, labels: Uint8Array): ImageSet {
  return { name, count: labels.length, height: SIDE, width: SIDE, channels: 1, classes: 10, pixels, labels };
}
