import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { crc32c, maskedCrc32c } from '#host/trackers/crc32c.js';
import { tensorboardFileName, tensorboardRecords } from '#host/trackers/tensorboard.js';
import { sampleEvents, stepEvent } from './sample-run.js';

const createdAt = '2026-03-01T12:00:00.000Z';
const seconds = Date.parse(createdAt) / 1000;

/** Bit by bit, most significant bit first over reflected bytes: shares nothing with the table under test. */
function crc32cBitwise(bytes: Uint8Array): number {
  const reflect = (value: number, bits: number) => {
    let result = 0;
    for (let bit = 0; bit < bits; bit += 1) if ((value >>> bit) & 1) result |= 1 << (bits - 1 - bit);
    return result >>> 0;
  };
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ (reflect(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x80000000 ? (crc << 1) ^ 0x1edc6f41 : crc << 1) >>> 0;
  }
  return reflect(~crc >>> 0, 32);
}

function masked(bytes: Uint8Array): number {
  const crc = BigInt(crc32cBitwise(bytes));
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Event {
    double wall_time = 1;
    int64 step = 2;
    oneof what { string file_version = 3; Summary summary = 5; }
  }
  message Summary {
    message Value { string tag = 1; float simple_value = 2; }
    repeated Value value = 1;
  }`);
const Event = root.lookupType('Event');

interface DecodedEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  summary?: { value: { tag: string; simpleValue: number }[] };
}

function decodeFile(file: Buffer): DecodedEvent[] {
  const events: DecodedEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data));
    events.push(Event.toObject(Event.decode(data), { longs: Number, defaults: false }) as DecodedEvent);
    at += 16 + length;
    expect(at).toBeLessThanOrEqual(file.length);
  }
  return events;
}

test('crc32c has the known answers of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
  expect(maskedCrc32c(Buffer.from('123456789'))).toBe(masked(Buffer.from('123456789')));
});

test('a file begins as every event file does', () => {
  const [first] = tensorboardRecords([], createdAt);
  // Length 24 and its masked CRC, as files that TensorFlow writes have them.
  expect(Buffer.from(first!).toString('hex', 0, 12)).toBe('1800000000000000a37f4b22');
});

test('an independent reader finds every scalar at its training step', () => {
  const events = decodeFile(Buffer.concat([...tensorboardRecords(sampleEvents, createdAt)]));
  expect(events[0]).toMatchObject({ wallTime: seconds, fileVersion: 'brain.Event:2' });
  for (const event of events) expect(event.wallTime).toBe(seconds);
  const scalars = new Map<string, [number, number][]>();
  for (const { step = 0, summary } of events) {
    for (const { tag, simpleValue } of summary?.value ?? []) {
      scalars.set(tag, [...(scalars.get(tag) ?? []), [step, simpleValue ?? 0]]);
    }
  }
  expect(scalars.get('accuracy/digits test')).toEqual([
    [0, 0.5],
    [2, 0.875],
    [4, 0.75],
  ]);
  expect(scalars.get('step/cycles')).toEqual([
    [0, 1000],
    [1, 1001],
    [2, 1002],
    [3, 1003],
  ]);
  expect(scalars.get('step/lossZero')).toEqual([
    [0, 0],
    [1, 1],
    [2, 0],
    [3, 1],
  ]);
  expect(scalars.get('memory/arena/weights')).toEqual([[0, 52_040]]);
  expect(scalars.get('link/roundTripMs')).toEqual([[4, 1.25]]);
  expect(scalars.get('cycles/computeCycles')).toEqual([[2, 2001]]);
});

test('steps without a cycle counter have no cycles', () => {
  const events = decodeFile(Buffer.concat([...tensorboardRecords([stepEvent(0, { cycles: null })], createdAt)]));
  expect(events[1]!.summary!.value.map(({ tag }) => tag)).toEqual(['step/correct', 'step/lossZero']);
});

test('the name is one TensorBoard looks for, and the same every time', () => {
  expect(tensorboardFileName('a', createdAt)).toBe(`events.out.tfevents.${seconds}.a`);
});
