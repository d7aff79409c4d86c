/**
 * Events as a TensorBoard event file: TFRecord frames around `Event` protobufs with `simple_value` summaries
 * (tensorflow/core/util/event.proto, framework/summary.proto).
 *
 * A record: length u64, masked CRC-32C of the length u32, data, masked CRC-32C of the data u32; little-endian.
 */

import protobuf from 'protobufjs/minimal.js';
import type { RunEvent } from '../runs/events.js';
import { maskedCrc32c } from './crc32c.js';

/** Field number and wire type of a protobuf field. */
const tag = (field: number, wireType: 0 | 1 | 2 | 5) => (field << 3) | wireType;

export function tfRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(16 + data.length);
  record.writeUInt32LE(data.length, 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return record;
}

type Scalar = readonly [tag: string, value: number];

function scalarEvent(wallTime: number, step: number, scalars: readonly Scalar[]): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(1, 1)).double(wallTime);
  writer.uint32(tag(2, 0)).int64(step);
  writer.uint32(tag(5, 2)).fork();
  for (const [name, value] of scalars) {
    writer.uint32(tag(1, 2)).fork();
    writer.uint32(tag(1, 2)).string(name);
    writer.uint32(tag(2, 5)).float(value);
    writer.ldelim();
  }
  return writer.ldelim().finish();
}

function versionEvent(wallTime: number): Uint8Array {
  return protobuf.Writer.create().uint32(tag(1, 1)).double(wallTime).uint32(tag(3, 2)).string('brain.Event:2').finish();
}

/** Numbers of an object as scalars `prefix/key`, objects inside as `prefix/key/…`; the rest is left out. */
function numbersOf(prefix: string, values: object): Scalar[] {
  return Object.entries(values).flatMap(([key, value]): Scalar[] => {
    if (typeof value === 'number') return [[`${prefix}/${key}`, value]];
    return typeof value === 'object' && value !== null ? numbersOf(`${prefix}/${key}`, value) : [];
  });
}

function scalarsOf(event: RunEvent): Scalar[] {
  switch (event.type) {
    case 'step':
      return [
        ['step/correct', event.correct ? 1 : 0],
        ['step/lossZero', event.lossZero ? 1 : 0],
        ...(event.cycles === null ? [] : [['step/cycles', event.cycles] as const]),
      ];
    case 'epoch':
      return [[`accuracy/${event.imageSet}`, event.accuracy]];
    case 'fault':
      return [];
    default: {
      const { type, ...values } = event;
      return numbersOf(type, values).filter(([name]) => name !== 'cycles/epoch');
    }
  }
}

/**
 * Yields the records of an event file. TensorBoard's step is the number of training steps done before the event; events
 * carry no time of their own, so all have that of the run's creation, and an export is the same whenever it is made.
 * @param createdAt ISO 8601, of the run
 */
export function* tensorboardRecords(
  events: Iterable<RunEvent>,
  createdAt: string,
): Generator<Uint8Array, void, undefined> {
  const wallTime = wallTimeOf(createdAt);
  yield tfRecord(versionEvent(wallTime));
  let steps = 0;
  for (const event of events) {
    const scalars = scalarsOf(event);
    if (scalars.length > 0) yield tfRecord(scalarEvent(wallTime, steps, scalars));
    if (event.type === 'step') steps += 1;
  }
}

/**
 * Returns the name under which TensorBoard looks for the file. There is one per run, so that a second export replaces
 * the first.
 */
export function tensorboardFileName(runName: string, createdAt: string): string {
  return `events.out.tfevents.${Math.floor(wallTimeOf(createdAt))}.${runName}`;
}

/** Seconds since 1970. */
function wallTimeOf(createdAt: string): number {
  return Date.parse(createdAt) / 1000;
}
