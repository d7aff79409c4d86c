import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { crc32c, maskedCrc32c } from '#host/trackers/crc32c.js';
import { tensorboardFileName, tensorboardRecords } from '#host/trackers/tensorboard.js';
import { sampleEvents, sampleManifest, sampleSummary, stepEvent } from './sample-run.js';

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

/** The messages as TensorBoard's own .proto files declare them, as far as a run's file has them. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Event {
    double wall_time = 1;
    int64 step = 2;
    oneof what { string file_version = 3; Summary summary = 5; }
  }
  message Summary {
    message Value {
      string tag = 1;
      float simple_value = 2;
      TensorProto tensor = 8;
      SummaryMetadata metadata = 9;
    }
    repeated Value value = 1;
  }
  message TensorProto { int32 dtype = 1; TensorShape tensor_shape = 2; repeated float float_val = 5; }
  message TensorShape { message Dim { int64 size = 1; } repeated Dim dim = 2; }
  message SummaryMetadata {
    message PluginData { string plugin_name = 1; bytes content = 2; }
    PluginData plugin_data = 1;
  }
  message HParamsPluginData {
    int32 version = 1;
    oneof data { SessionStartInfo session_start_info = 3; SessionEndInfo session_end_info = 4; }
  }
  message SessionStartInfo { map<string, Value> hparams = 1; double start_time_secs = 5; }
  message SessionEndInfo { int32 status = 1; double end_time_secs = 2; }
  message Value { oneof kind { double number_value = 2; string string_value = 3; bool bool_value = 4; } }`);
const HParams = root.lookupType('HParamsPluginData');
const Event = root.lookupType('Event');

interface DecodedEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  summary?: {
    value: {
      tag: string;
      simpleValue?: number;
      tensor?: { dtype: number; tensorShape: { dim: { size: number }[] }; floatVal: number[] };
      metadata?: { pluginData: { pluginName: string; content: Uint8Array } };
    }[];
  };
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
  const [first] = tensorboardRecords(sampleManifest({ createdAt }), []);
  // Length 24 and its masked CRC, as files that TensorFlow writes have them.
  expect(Buffer.from(first!).toString('hex', 0, 12)).toBe('1800000000000000a37f4b22');
});

function scalarsOf(events: readonly DecodedEvent[]): Map<string, [number, number][]> {
  const scalars = new Map<string, [number, number][]>();
  for (const { step = 0, summary } of events) {
    for (const { tag, simpleValue, metadata } of summary?.value ?? []) {
      if (metadata === undefined) scalars.set(tag, [...(scalars.get(tag) ?? []), [step, simpleValue ?? 0]]);
    }
  }
  return scalars;
}

test('an independent reader finds every scalar at its training step', () => {
  const manifest = sampleManifest({ createdAt, summary: sampleSummary });
  const events = decodeFile(Buffer.concat([...tensorboardRecords(manifest, sampleEvents)]));
  expect(events[0]).toMatchObject({ wallTime: seconds, fileVersion: 'brain.Event:2' });
  for (const event of events) expect(event.wallTime).toBe(seconds);
  const scalars = scalarsOf(events);
  expect(scalars.get('accuracy/digits test')).toEqual([
    [0, 0.5],
    [2, 0.875],
    [4, 0.75],
  ]);
  expect(scalars.get('step/cycles')).toEqual([
    [2, 1000.5],
    [4, 1002.5],
  ]);
  expect(scalars.get('step/active')).toEqual([
    [2, 0.5],
    [4, 0.5],
  ]);
  expect(scalars.get('memory/arena/weights')).toEqual([[0, 52_040]]);
  expect(scalars.get('link/roundTripMs')).toEqual([[4, 1.25]]);
  expect(scalars.get('cycles/computeCycles')).toEqual([[2, 2001]]);
  expect(scalars.get('result/accuracyAfter')).toEqual([[4, 0.75]]);
});

test('the HPARAMS plugin finds settings, beginning and end of the session', () => {
  const manifest = sampleManifest({ createdAt, summary: sampleSummary });
  const events = decodeFile(Buffer.concat([...tensorboardRecords(manifest, sampleEvents)]));
  const values = events.flatMap(({ summary }) => summary?.value ?? []).filter(({ metadata }) => metadata !== undefined);
  expect(values.map(({ tag }) => tag)).toEqual(['_hparams_/session_start_info', '_hparams_/session_end_info']);
  const [start, end] = values.map(({ metadata, tensor }) => {
    expect(metadata!.pluginData.pluginName).toBe('hparams');
    // the plugin reads tensors of one float
    expect(tensor).toEqual({ dtype: 1, tensorShape: { dim: [{ size: 1 }] }, floatVal: [0] });
    return HParams.toObject(HParams.decode(metadata!.pluginData.content), { defaults: false });
  });
  expect(start!.sessionStartInfo).toMatchObject({
    startTimeSecs: seconds,
    hparams: { method: { stringValue: 'priot' }, angle: { numberValue: 45 }, place: { stringValue: 'emulated' } },
  });
  expect(end!.sessionEndInfo).toEqual({ status: 1, endTimeSecs: seconds + sampleSummary.wallSeconds });
});

test('steps without a cycle counter have no cycles', () => {
  const events = [stepEvent(0, { cycles: null }), sampleEvents[4]!];
  const scalars = scalarsOf(decodeFile(Buffer.concat([...tensorboardRecords(sampleManifest({ createdAt }), events)])));
  expect([...scalars.keys()]).toEqual(['step/correct', 'step/active', 'accuracy/training', 'accuracy/digits test']);
});

test('the name is one TensorBoard looks for, and the same every time', () => {
  expect(tensorboardFileName('a', createdAt)).toBe(`events.out.tfevents.${seconds}.a`);
});
