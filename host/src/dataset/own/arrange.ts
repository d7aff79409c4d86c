/** Makes of a user's images a data set: classes from 0, a test half, a mixed order. */

import { DataError, UsageError } from '../../errors.js';
import { EpochOrder } from '../../random.js';
import type { ImageSet } from '../image-set.js';
import type { LabelledImages, SetFromFiles } from './labelled-images.js';

/** How a user's images are taken. */
export interface ArrangeOptions {
  /** Rows become columns: EMNIST's images lie on their side. */
  readonly transpose?: boolean | undefined;
  /** The share of each class that becomes training images, above 0 and below 1, where the files have no test images. */
  readonly split?: number | undefined;
  /** Images are made grey (1) or get three equal channels (3); absent: as they are. */
  readonly channels?: 1 | 3 | undefined;
}

export interface ArrangedSet {
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly classNames: readonly string[];
}

/** Labels are bytes from here on. */
const MAXIMUM_CLASSES = 256;

/**
 * Arranges a set: labels from 0, images transposed and of the channels asked for, a test half split off
 * where there is none, and mixed where they are sorted by class, since a session trains on the first images.
 *
 * @throws DataError NO_TEST_SET, MIXED_SIZES, LABEL_OUT_OF_RANGE, TOO_MANY_CLASSES, EMPTY_CLASS, BAD_CLASS_NAMES;
 * UsageError SPLIT_OF_SPLIT, BAD_SPLIT
 */
export function arrange(name: string, set: SetFromFiles, options: ArrangeOptions): ArrangedSet {
  checkSplit(name, set, options.split);
  const halves = [set.train, ...(set.test === undefined ? [] : [set.test])];
  checkSameSize(name, halves);
  const first = firstLabel(name, halves);
  const classes = classCount(name, halves, first);
  const classNames = namesOf(name, set.classNames, classes, first);
  const [train, test] = halves.map((half) => {
    const labels = Uint8Array.from(half.labels, (label) => label - first);
    const images = withChannels(options.transpose ? transposed(half) : half, options.channels);
    return { ...images, labels, classes };
  });
  const parts =
    test === undefined
      ? split(name, train!, options.split!, classNames)
      : { train: mixedIfSorted(train!), test: mixedIfSorted(test) };
  checkNoneEmpty(`${name} train`, parts.train, classNames);
  checkNoneEmpty(`${name} test`, parts.test, classNames);
  return {
    train: { ...parts.train, name: `${name} train` },
    test: { ...parts.test, name: `${name} test` },
    classNames,
  };
}

type UnnamedSet = Omit<ImageSet, 'name'>;

function checkSplit(name: string, set: SetFromFiles, fraction: number | undefined): void {
  if (fraction !== undefined && !(fraction > 0 && fraction < 1)) {
    throw new UsageError(
      'BAD_SPLIT',
      `--split ${fraction} is not between 0 and 1`,
      'as --split 0.8: 80 % for training',
    );
  }
  if (set.test !== undefined && fraction !== undefined) {
    throw new UsageError('SPLIT_OF_SPLIT', `${name} has test images of its own`, 'leave --split out');
  }
  if (set.test === undefined && fraction === undefined) {
    throw new DataError(
      'NO_TEST_SET',
      `${name} has training images only (${set.format})`,
      'add the test images, or let priot split some off: --split 0.8',
    );
  }
}

function checkSameSize(name: string, halves: readonly LabelledImages[]): void {
  const sizes = new Set(halves.map(({ height, width, channels }) => `${height}x${width}x${channels}`));
  if (sizes.size <= 1) return;
  const [train, test] = sizes;
  throw new DataError(
    'MIXED_SIZES',
    `${name}: training images are ${train}, test images ${test}`,
    'a network takes images of one size: scale them to it',
  );
}

/** 0 or 1: EMNIST's letters count from 1. */
function firstLabel(name: string, halves: readonly LabelledImages[]): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (const { labels } of halves) for (const label of labels) smallest = Math.min(smallest, label);
  if (smallest === 0 || smallest === 1) return smallest;
  throw new DataError(
    'LABEL_OUT_OF_RANGE',
    `${name}: the smallest label is ${smallest}`,
    'number the classes from 0 (or 1) on, without gaps',
  );
}

function classCount(name: string, halves: readonly LabelledImages[], first: number): number {
  let largest = 0;
  for (const { labels } of halves) for (const label of labels) largest = Math.max(largest, label);
  const classes = largest - first + 1;
  if (classes <= MAXIMUM_CLASSES) return classes;
  throw new DataError(
    'TOO_MANY_CLASSES',
    `${name}: label ${largest} means ${classes} classes; ${MAXIMUM_CLASSES} are the most there can be`,
    'number the classes from 0 (or 1) on, without gaps',
  );
}

function namesOf(
  name: string,
  given: readonly string[] | undefined,
  classes: number,
  first: number,
): readonly string[] {
  if (given === undefined) return Array.from({ length: classes }, (_, label) => String(label + first));
  if (given.length < classes) {
    throw new DataError(
      'BAD_CLASS_NAMES',
      `${name} has ${classes} classes and names for ${given.length} of them`,
      'name every class, one a line in the order of the labels',
    );
  }
  return given;
}

function checkNoneEmpty(what: string, { labels }: UnnamedSet, classNames: readonly string[]): void {
  const seen = new Set(labels);
  const empty = classNames.filter((_, label) => !seen.has(label));
  if (empty.length === 0) return;
  throw new DataError(
    'EMPTY_CLASS',
    `${what} has no image of ${empty.length === 1 ? 'class' : 'the classes'} ${empty.slice(0, 5).join(', ')}${empty.length > 5 ? ', …' : ''}`,
    'add images of it, or number the classes without gaps',
  );
}

function transposed(images: LabelledImages): LabelledImages {
  const { count, height, width, channels } = images;
  const pixels = new Uint8Array(images.pixels.length);
  const size = height * width * channels;
  for (let image = 0; image < count; image++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const from = image * size + (row * width + column) * channels;
        const to = image * size + (column * height + row) * channels;
        for (let channel = 0; channel < channels; channel++) pixels[to + channel] = images.pixels[from + channel]!;
      }
    }
  }
  return { ...images, height: width, width: height, pixels };
}

/** Grey is 0.30 red, 0.59 green and 0.11 blue, in 256ths. */
function withChannels(images: LabelledImages, wanted: 1 | 3 | undefined): LabelledImages {
  const { channels, pixels } = images;
  if (wanted === undefined || wanted === channels) return images;
  if (wanted === 3 && channels === 1) {
    return {
      ...images,
      channels: 3,
      pixels: Uint8Array.from({ length: 3 * pixels.length }, (_, i) => pixels[Math.floor(i / 3)]!),
    };
  }
  if (wanted === 1 && channels === 3) {
    const grey = (i: number) => (77 * pixels[3 * i]! + 150 * pixels[3 * i + 1]! + 29 * pixels[3 * i + 2]! + 128) >> 8;
    return { ...images, channels: 1, pixels: Uint8Array.from({ length: pixels.length / 3 }, (_, i) => grey(i)) };
  }
  throw new DataError(
    'BAD_DIMENSIONS',
    `images of ${channels} channels cannot be made images of ${wanted}`,
    'leave --channels out, and take a network for these images',
  );
}

/** A fixed order that does not depend on the session's seed, so that all sessions share their halves. */
function mixedOrder(count: number): Uint32Array {
  return new EpochOrder(0, count).of(0);
}

function pick(set: UnnamedSet, order: ArrayLike<number>): UnnamedSet {
  const size = set.height * set.width * set.channels;
  const pixels = new Uint8Array(order.length * size);
  const labels = new Uint8Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const from = order[i]!;
    pixels.set(set.pixels.subarray(from * size, (from + 1) * size), i * size);
    labels[i] = set.labels[from]!;
  }
  return { ...set, count: order.length, pixels, labels };
}

function mixedIfSorted(set: UnnamedSet): UnnamedSet {
  const sorted = set.labels.every((label, i) => i === 0 || label >= set.labels[i - 1]!);
  return sorted && set.classes > 1 ? pick(set, mixedOrder(set.count)) : set;
}

/** Splits a set, of each class the same share, with at least one image for either half. */
function split(name: string, set: UnnamedSet, fraction: number, classNames: readonly string[]) {
  const left = new Array<number>(set.classes).fill(0);
  for (const label of set.labels) left[label]! += 1;
  const forTraining = left.map((count, label) => {
    if (count === 1) {
      throw new DataError(
        'EMPTY_CLASS',
        `${name} has one image of class ${classNames[label]}: too few to split`,
        'add images of it',
      );
    }
    return Math.min(count - 1, Math.max(1, Math.floor(count * fraction + 0.5)));
  });
  const halves: { train: number[]; test: number[] } = { train: [], test: [] };
  for (const image of mixedOrder(set.count)) {
    const label = set.labels[image]!;
    if (forTraining[label]! > 0) {
      forTraining[label]! -= 1;
      halves.train.push(image);
    } else {
      halves.test.push(image);
    }
  }
  return { train: pick(set, halves.train), test: pick(set, halves.test) };
}
