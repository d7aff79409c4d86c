/** The options that say which images are taken, and what happens to them before a network sees them. */
import type { CifarLabels } from '../dataset/own/cifar-files.js';
import { formatShift, parseShift, type Shift, shiftForms, shiftsOf } from '../dataset/shifts.js';
import { text as anyText, oneOf } from '../json-shape.js';
import { choice, flag, type Kind, number, text } from './kinds.js';
import { type Options, option } from './option.js';

const NO_SHIFT = 'none';

/**
 * Shifts, each as `--shift` has it: `noise:20`. As one word they stand with a plus between them, and `none` is no shift:
 * so a sweep can compare several with none.
 */
const shiftList: Kind<readonly string[], string> = {
  placeholder: 'shift',
  rule: `It must be ${shiftForms.join(', or ')}; several with + between them.`,
  is: (value): value is readonly string[] => Array.isArray(value) && value.every(isShift),
  parse: (word) => {
    const shifts = word === NO_SHIFT ? [] : word.split('+');
    return shifts.every(isShift) ? shifts : undefined;
  },
  word: shiftWord,
  record: shiftWord,
  recorded: anyText,
};

function isShift(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    parseShift(value);
    return true;
  } catch {
    return false;
  }
}

function shiftWord(shifts: readonly string[]): string {
  return shifts.length === 0 ? NO_SHIFT : shifts.map((shift) => formatShift(parseShift(shift))).join('+');
}

/** Gives the shifts of a request: the rotation by `angle`, then those of `shift` in its recorded form. @throws UsageError BAD_SHIFT */
export function recordedShifts({ angle, shift = NO_SHIFT }: { angle: number; shift?: string | undefined }): Shift[] {
  return shiftsOf(angle, shift === NO_SHIFT ? [] : shift.split('+').map(parseShift));
}

const channelCount: Kind<1 | 3> = {
  placeholder: 'n',
  rule: 'It must be 1 (grey) or 3 (colour).',
  is: (value): value is 1 | 3 => value === 1 || value === 3,
  parse: (word) => (word === '1' ? 1 : word === '3' ? 3 : undefined),
  word: String,
  record: (value) => value,
  recorded: oneOf(1, 3),
};

const cifarLabels = ['fine', 'coarse'] as const satisfies readonly CifarLabels[];

const dataset = option(
  text('name'),
  'images: mnist, cifar10, digits, or the path of your own (docs/datasets.md, "Your own images")',
  { default: 'mnist' },
);

export const dataDir = option(
  text('folder'),
  'folder of data sets (left out: $PRIOT_DATA, the cache, then a download)',
);

/** How a data set of the user's own is read. */
const ownSetOptions = {
  transpose: option(flag, 'your own set: rows become columns, as EMNIST needs it'),
  split: option(
    number(0.001, 0.999, 'share'),
    'your own set without test images: this share of each class is for training, the rest for testing',
  ),
  channels: option(channelCount, 'your own set: make the images grey (1), or give them three channels (3)'),
  labels: option(choice(cifarLabels), 'CIFAR-100: its 100 classes, or its 20 groups (left out: fine)'),
} satisfies Options;

/** The options of every verb that reads a data set; `dataDir` is apart, since runs do not repeat it. */
export const datasetOptions = { dataset, ...ownSetOptions };

export const shift = option(
  shiftList,
  'a change of all images after the rotation: translate:2,-1, noise:20, brightness:-40, contrast:0.6 or blur:1; repeat it for several, applied in order',
  { repeated: true },
);

export const transferDir = option(
  text('path'),
  'images that are shifted already, as photographs of the device: training and testing are on them; --dataset stays the set that the network was made for (--angle is then 0 unless given)',
);
