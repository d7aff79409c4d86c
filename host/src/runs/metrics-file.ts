/** metrics.jsonl: one event per line, `type` first; only whole lines count. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../errors.js';
import { storageError } from '../files.js';
import {
  amount,
  type Check,
  count,
  flag,
  fraction,
  integer,
  listOf,
  nullable,
  optional,
  shape,
  text,
} from '../json-shape.js';
import type {
  ConfusionEvent,
  CyclesEvent,
  EpochEvent,
  FaultEvent,
  GuardEvent,
  InitialEvent,
  LayerCyclesEvent,
  LinkEvent,
  MemoryEvent,
  MistakesEvent,
  RunEvent,
  ScoresEvent,
  SourceEvent,
  StepEvent,
} from './events.js';

type Body<T> = Omit<T, 'type'>;

const checks: { readonly [T in RunEvent['type']]: Check<Body<Extract<RunEvent, { type: T }>>> } = {
  step: shape<Body<StepEvent>>({
    step: count,
    epoch: count,
    label: count,
    prediction: count,
    correct: flag,
    lossZero: flag,
    cycles: nullable(count),
  }),
  epoch: shape<Body<EpochEvent>>({
    epoch: integer,
    images: count,
    correct: count,
    accuracy: fraction,
    imageSet: text,
  }),
  guard: shape<Body<GuardEvent>>({
    ...{ epoch: integer, images: count, frozen: count, learned: count },
    ...{ kept: flag, imageSet: text },
  }),
  initial: shape<Body<InitialEvent>>({ images: count, correct: count, accuracy: fraction, imageSet: text }),
  source: shape<Body<SourceEvent>>({
    epoch: integer,
    images: count,
    correct: count,
    accuracy: fraction,
    imageSet: text,
  }),
  memory: shape<Body<MemoryEvent>>({
    sramTotal: nullable(count),
    static: nullable(count),
    code: optional(nullable(count)),
    stackHighWater: nullable(count),
    arena: shape<MemoryEvent['arena']>({
      weights: count,
      state: count,
      activations: count,
      errors: count,
      other: count,
    }),
    flash: nullable(count),
    flashImage: optional(nullable(count)),
    flashTotal: optional(nullable(count)),
    flashForWeights: optional(nullable(count)),
  }),
  cycles: shape<Body<CyclesEvent>>({
    epoch: count,
    steps: count,
    activeSteps: count,
    computeCycles: count,
    forwardCycles: count,
    wireCycles: count,
    idleCycles: count,
  }),
  link: shape<Body<LinkEvent>>({
    frames: count,
    crcErrors: count,
    retries: count,
    timeouts: count,
    roundTripMs: amount,
    wallSeconds: optional(amount),
  }),
  fault: shape<Body<FaultEvent>>({ code: text, message: text, step: count }),
  scores: shape<Body<ScoresEvent>>({
    epoch: integer,
    layers: listOf(
      shape<ScoresEvent['layers'][number]>({
        name: text,
        edges: count,
        scored: count,
        pruned: count,
        histogram: listOf(count),
      }),
    ),
  }),
  confusion: shape<Body<ConfusionEvent>>({
    epoch: integer,
    images: count,
    imageSet: text,
    counts: listOf(listOf(count)),
  }),
  mistakes: shape<Body<MistakesEvent>>({
    epoch: integer,
    imageSet: text,
    height: count,
    width: count,
    channels: count,
    examples: listOf(
      shape<MistakesEvent['examples'][number]>({
        index: count,
        label: count,
        prediction: count,
        margin: nullable(integer),
        pixels: text,
      }),
    ),
  }),
  layers: shape<Body<LayerCyclesEvent>>({
    epoch: integer,
    steps: count,
    layers: listOf(
      shape<LayerCyclesEvent['layers'][number]>({
        name: text,
        cycles: shape<LayerCyclesEvent['layers'][number]['cycles']>({
          forward: amount,
          requantise: amount,
          loss: amount,
          error: amount,
          update: amount,
        }),
      }),
    ),
  }),
};

/** Writes an event as one line, without its line feed, `type` first whatever the order of the object's keys. */
export function formatEvent(event: RunEvent): string {
  const { type, ...body } = event;
  return JSON.stringify({ type, ...body });
}

/**
 * Reads one line.
 * @param where `file:line`, for messages
 * @throws DataError METRICS_MALFORMED naming the line and the field
 */
export function parseEvent(line: string, where: string): RunEvent {
  const malformed = (complaint: string, cause?: unknown) =>
    new DataError('METRICS_MALFORMED', `${where}: ${complaint}`, 'restore the file, or repeat the run', { cause });
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw malformed('not JSON', cause);
  }
  const type = (event as { type?: unknown } | null)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(checks, type)) {
    throw malformed(`unknown event type ${JSON.stringify(type) ?? 'nothing'}`);
  }
  const [complaint] = checks[type as RunEvent['type']](event, '');
  if (complaint !== undefined) throw malformed(complaint);
  return event as RunEvent;
}

/** An event and where its line lies in the file. */
export interface LocatedEvent {
  readonly event: RunEvent;
  /** Byte offset of the line's first byte. */
  readonly start: number;
}

const blockBytes = 65_536;
const longestLineBytes = 1 << 20;
const lineFeed = 0x0a;

/**
 * Streams the events of a file as it is at this moment. A last line without a line feed is torn (its writer was cut, or
 * is still at it) and is left out.
 * @throws DataError METRICS_MALFORMED, FILE_MISSING
 */
export function* readLocatedEvents(path: string): Generator<LocatedEvent, void, undefined> {
  const file = openForReading(path);
  try {
    const { size } = fstatSync(file);
    let rest: Buffer = Buffer.alloc(0);
    let number = 0;
    // The offset of rest's first byte.
    let start = 0;
    for (let offset = 0; offset < size; ) {
      const block = Buffer.allocUnsafe(Math.min(blockBytes, size - offset));
      const length = readSync(file, block, 0, block.length, offset);
      if (length === 0) break;
      offset += length;
      const read = block.subarray(0, length);
      rest = rest.length === 0 ? read : Buffer.concat([rest, read]);
      let from = 0;
      for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed, from)) {
        number += 1;
        yield { event: parseEvent(rest.toString('utf8', from, end), `${path}:${number}`), start: start + from };
        from = end + 1;
      }
      rest = rest.subarray(from);
      start += from;
      if (rest.length > longestLineBytes) {
        throw new DataError(
          'METRICS_MALFORMED',
          `${path}:${number + 1}: a line of more than ${longestLineBytes} bytes`,
        );
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Reads the events of a file, streamed; see readLocatedEvents. */
export function* readEvents(path: string): Generator<RunEvent, void, undefined> {
  for (const { event } of readLocatedEvents(path)) yield event;
}

/** Bytes of the file's whole lines: what is after them is a torn line. */
export function wholeLinesBytes(path: string): number {
  const file = openForReading(path);
  try {
    const block = Buffer.allocUnsafe(blockBytes);
    for (let end = fstatSync(file).size; end > 0; ) {
      const begin = Math.max(0, end - blockBytes);
      const length = readSync(file, block, 0, end - begin, begin);
      const last = block.subarray(0, length).lastIndexOf(lineFeed);
      if (last >= 0) return begin + last + 1;
      end = begin;
    }
    return 0;
  } finally {
    closeSync(file);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw storageError(error, path);
  }
}
