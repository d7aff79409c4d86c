/** Events as CSV (RFC 4180 quoting, line feeds), one header line; an empty cell is null. */

import type { EpochEvent, RunEvent, StepEvent } from '../runs/events.js';
import { csvLine } from '../table.js';

const columns = {
  step: ['step', 'epoch', 'label', 'prediction', 'correct', 'lossZero', 'cycles'] satisfies (keyof StepEvent)[],
  epoch: ['epoch', 'images', 'correct', 'accuracy', 'imageSet'] satisfies (keyof EpochEvent)[],
} as const;

export type CsvEvents = keyof typeof columns;
export const csvEvents = Object.keys(columns) as CsvEvents[];

/** Lines with their line feeds. */
export function* csvLines(events: Iterable<RunEvent>, type: CsvEvents): Generator<string, void, undefined> {
  yield `${csvLine(columns[type])}\n`;
  for (const event of events) {
    if (event.type !== type) continue;
    const values = event as unknown as Record<string, unknown>;
    yield `${csvLine(columns[type].map((column) => values[column]))}\n`;
  }
}
