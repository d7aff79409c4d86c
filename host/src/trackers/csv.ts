/** Events as CSV (RFC 4180 quoting, line feeds), one header line; an empty cell is null. */

import type { EpochEvent, RunEvent, StepEvent } from '../runs/events.js';
import { csvLine } from '../table.js';

const columns = {
  step: ['step', 'epoch', 'label', 'prediction', 'correct', 'lossZero', 'cycles'] satisfies (keyof StepEvent)[],
  epoch: ['epoch', 'images', 'correct', 'accuracy', 'imageSet'] satisfies (keyof EpochEvent)[],
} as const;

/** `epochs` is a table for people: a line per evaluation, with what the epoch before it cost. */
export type CsvEvents = keyof typeof columns | 'epochs';
export const csvEvents: readonly CsvEvents[] = ['step', 'epoch', 'epochs'];

const epochColumns = [
  ...['epoch', 'images', 'imageSet', 'correct', 'accuracy', 'trainingAccuracy', 'steps', 'activeSteps'],
  ...['computeCycles', 'forwardCycles', 'wireCycles', 'idleCycles'],
];

/** Lines with their line feeds. */
export function* csvLines(events: Iterable<RunEvent>, type: CsvEvents): Generator<string, void, undefined> {
  if (type === 'epochs') return yield* epochLines(events);
  yield `${csvLine(columns[type])}\n`;
  for (const event of events) {
    if (event.type !== type) continue;
    const values = event as unknown as Record<string, unknown>;
    yield `${csvLine(columns[type].map((column) => values[column]))}\n`;
  }
}

/** Epochs count from 1 here; 0 is before training. Training counts stand in the first line of their epoch. */
function* epochLines(events: Iterable<RunEvent>): Generator<string, void, undefined> {
  yield `${csvLine(epochColumns)}\n`;
  let trained = { steps: 0, active: 0, correct: 0 };
  let cycles = { compute: 0, forward: 0, wire: 0, idle: 0, counted: false };
  for (const event of events) {
    if (event.type === 'step') {
      trained.steps += 1;
      if (event.correct) trained.correct += 1;
      if (!event.lossZero) trained.active += 1;
    } else if (event.type === 'cycles') {
      cycles = {
        compute: cycles.compute + event.computeCycles,
        forward: cycles.forward + event.forwardCycles,
        wire: cycles.wire + event.wireCycles,
        idle: cycles.idle + event.idleCycles,
        counted: true,
      };
    } else if (event.type === 'epoch') {
      const { epoch, images, imageSet, correct, accuracy } = event;
      const { steps, active } = trained;
      const training = steps === 0 ? [null, null, null] : [trained.correct / steps, steps, active];
      const spent = cycles.counted
        ? [cycles.compute, cycles.forward, cycles.wire, cycles.idle]
        : [null, null, null, null];
      yield `${csvLine([epoch + 1, images, imageSet, correct, accuracy, ...training, ...spent])}\n`;
      trained = { steps: 0, active: 0, correct: 0 };
      cycles = { compute: 0, forward: 0, wire: 0, idle: 0, counted: false };
    }
  }
}
