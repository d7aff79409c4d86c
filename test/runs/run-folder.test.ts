import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '#host/runs/events.js';
import { formatEvent, parseEvent } from '#host/runs/metrics-file.js';
import { RunFolder } from '#host/runs/run-folder.js';
import { epochEvent, sampleEvents, sampleManifest, sampleSummary, stepEvent, temporaryFolder } from './sample-run.js';

const uint32 = fc.nat(0xffffffff);

const anyEvent: fc.Arbitrary<RunEvent> = fc.oneof(
  fc.record({
    // Not first on purpose: the file has `type` first whatever the object has.
    step: uint32,
    epoch: fc.nat(),
    label: fc.nat(255),
    prediction: fc.nat(255),
    correct: fc.boolean(),
    lossZero: fc.boolean(),
    cycles: fc.option(uint32, { nil: null }),
    type: fc.constant('step' as const),
  }),
  fc.record({
    epoch: fc.integer({ min: -1, max: 1000 }),
    images: uint32,
    correct: uint32,
    accuracy: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0),
    imageSet: fc.string({ unit: 'binary' }),
    type: fc.constant('epoch' as const),
  }),
  fc.record({
    code: fc.string(),
    message: fc.string({ unit: 'grapheme' }),
    step: uint32,
    type: fc.constant('fault' as const),
  }),
  fc.constantFrom(...sampleEvents),
);

function newRun(): { folder: RunFolder; path: string; metrics: string } {
  const path = join(temporaryFolder(), 'run');
  return { folder: RunFolder.create(path, sampleManifest()), path, metrics: join(path, 'metrics.jsonl') };
}

describe('events', () => {
  test('round trip, one line, type first', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const line = formatEvent(event);
        expect(line).not.toContain('\n');
        expect(line.startsWith(`{"type":"${event.type}"`)).toBe(true);
        expect(parseEvent(line, 'metrics.jsonl:1')).toEqual(event);
      }),
    );
  });

  test.each([
    ['{"type":"step"', 'not JSON'],
    ['null', 'unknown event type nothing'],
    ['{"type":"toString"}', 'unknown event type "toString"'],
    [JSON.stringify(stepEvent(0, { label: -1 })), 'label is -1; it must be a whole number from 0'],
    [
      '{"type":"epoch","epoch":0,"images":1,"correct":1,"accuracy":1.5,"imageSet":""}',
      'accuracy is 1.5; it must be a number 0..1',
    ],
    ['{"type":"fault","code":"A","message":"b"}', 'step is missing; it must be a whole number from 0'],
  ])('refuses %s', (line, complaint) => {
    expect(() => parseEvent(line, 'metrics.jsonl:7')).toThrow(`metrics.jsonl:7: ${complaint}`);
  });

  test('come back from a folder as they were appended, across blocks', () => {
    const { folder, path } = newRun();
    const events: RunEvent[] = Array.from({ length: 3000 }, (_, step) => stepEvent(step));
    events.push(...sampleEvents);
    for (const event of events) folder.append(event);
    expect([...folder.events()]).toEqual(events);
    folder.close();
    const again = RunFolder.open(path);
    expect([...again.events()]).toEqual(events);
    again.close();
  });

  test('reach the disk in batches without a flush', () => {
    const { folder, metrics } = newRun();
    const line = formatEvent(stepEvent(1_000_000));
    const enough = Math.ceil(65_536 / line.length) + 1;
    for (let step = 0; step < enough; step += 1) folder.append(stepEvent(1_000_000));
    expect(readFileSync(metrics).length).toBeGreaterThan(0);
    folder.close();
    expect(readFileSync(metrics).length).toBe(enough * (line.length + 1));
  });
});

describe('creating and finishing', () => {
  test('writes what was asked, then the summary', () => {
    const { folder, path } = newRun();
    expect(JSON.parse(readFileSync(join(path, 'run.json'), 'utf8'))).toEqual(sampleManifest());
    folder.console('priot 0.1.0');
    folder.finish(sampleSummary);
    folder.close();
    folder.close();
    const again = RunFolder.open(path);
    again.close();
    expect(again.manifest).toEqual({ ...sampleManifest(), summary: sampleSummary });
    expect(readFileSync(join(path, 'console.log'), 'utf8')).toBe('priot 0.1.0\n');
    expect(readdirSync(path).sort()).toEqual(['console.log', 'metrics.jsonl', 'run.json']);
  });

  test('an empty folder will do, one with anything in it is left alone', () => {
    const path = join(temporaryFolder(), 'run');
    mkdirSync(path);
    RunFolder.create(path, sampleManifest()).close();
    const before = readFileSync(join(path, 'run.json'));
    const again = () => RunFolder.create(path, sampleManifest({ command: ['other'] }));
    expect(again).toThrow(expect.objectContaining({ code: 'RUN_EXISTS', class: 'data' }));
    expect(readFileSync(join(path, 'run.json'))).toEqual(before);
  });

  test('a file in the way is RUN_EXISTS, a file among the parents is an error', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'x');
    expect(() => RunFolder.create(file, sampleManifest())).toThrow(expect.objectContaining({ code: 'RUN_EXISTS' }));
    expect(() => RunFolder.create(join(file, 'run'), sampleManifest())).toThrow(
      expect.objectContaining({ code: 'NOT_A_FILE', class: 'data' }),
    );
    expect(readFileSync(file, 'utf8')).toBe('x');
  });

  test('opening what is no run says so', () => {
    const path = temporaryFolder();
    expect(() => RunFolder.open(path)).toThrow(expect.objectContaining({ code: 'NOT_A_RUN', class: 'data' }));
    expect(() => RunFolder.open(join(path, 'none'))).toThrow(expect.objectContaining({ code: 'NOT_A_RUN' }));
    expect(readdirSync(path)).toEqual([]);
  });
});

describe('after a cut', () => {
  test('metrics cut at any byte keep exactly their whole lines', () => {
    const lines = sampleEvents.map((event) => Buffer.from(`${formatEvent(event)}\n`));
    const all = Buffer.concat(lines);
    const { folder, path, metrics } = newRun();
    folder.close();
    for (let length = 0; length <= all.length; length += 1) {
      writeFileSync(metrics, all.subarray(0, length));
      const again = RunFolder.open(path);
      let whole = 0;
      let bytes = 0;
      while (whole < lines.length && bytes + lines[whole]!.length <= length) bytes += lines[whole++]!.length;
      expect([...again.events()]).toEqual(sampleEvents.slice(0, whole));
      again.append(stepEvent(9));
      again.close();
      expect(readFileSync(metrics, 'utf8')).toBe(
        `${all.subarray(0, bytes).toString('utf8')}${formatEvent(stepEvent(9))}\n`,
      );
    }
  });

  test('a torn line longer than a block is cut off whole', () => {
    const { folder, path, metrics } = newRun();
    folder.close();
    writeFileSync(metrics, `${formatEvent(stepEvent(0))}\n${'x'.repeat(200_000)}`);
    const again = RunFolder.open(path);
    expect([...again.events()]).toEqual([stepEvent(0)]);
    again.close();
  });

  test('metrics go back to a step; what was measured before it and the faults stay', () => {
    for (let nextStep = 0; nextStep <= 4; nextStep += 1) {
      const { folder } = newRun();
      for (const event of sampleEvents) folder.append(event);
      folder.truncateAfterStep(nextStep);
      const at = sampleEvents.findIndex((event) => event.type === 'step' && event.step === nextStep);
      const kept = at < 0 ? sampleEvents : sampleEvents.slice(0, at);
      const faults = at < 0 ? [] : sampleEvents.slice(at).filter((event) => event.type === 'fault');
      expect([...folder.events()]).toEqual([...kept, ...faults]);
      folder.append(stepEvent(nextStep));
      expect([...folder.events()].at(-1)).toEqual(stepEvent(nextStep));
      folder.close();
    }
  });

  test('a checkpoint ahead of its events, or a step missing or doubled, is refused', () => {
    for (const steps of [
      [0, 1],
      [0, 2, 3],
      [0, 0, 1, 2, 3],
      [1, 2, 3],
    ]) {
      const { folder } = newRun();
      for (const step of steps) folder.append(stepEvent(step));
      const truncate = () => folder.truncateAfterStep(4);
      expect(truncate).toThrow(expect.objectContaining({ code: 'METRICS_INCOMPLETE', class: 'data' }));
      expect([...folder.events()]).toHaveLength(steps.length);
      folder.close();
    }
  });

  test('writing a checkpoint puts its events on disk first', () => {
    const { folder, metrics } = newRun();
    folder.append(epochEvent(-1, 3));
    expect(readFileSync(metrics).length).toBe(0);
    folder.writeCheckpoint({ nextStep: 0, sessionId: new Uint8Array(8), state: new Uint8Array(4) });
    expect(readFileSync(metrics, 'utf8')).toBe(`${formatEvent(epochEvent(-1, 3))}\n`);
    folder.close();
  });
});

// /dev/full refuses every write with ENOSPC, as a full disk does.
describe.skipIf(!existsSync('/dev/full'))('a full disk', () => {
  const diskFull = expect.objectContaining({
    code: 'DISK_FULL',
    class: 'capacity',
    remedy: expect.stringContaining('priot train --resume'),
  });

  test('under the metrics', () => {
    const { folder: first, path, metrics } = newRun();
    first.close();
    rmSync(metrics);
    symlinkSync('/dev/full', metrics);
    const folder = RunFolder.open(path);
    folder.append(stepEvent(0));
    expect(() => folder.flush()).toThrow(diskFull);
    expect(() => folder.append(stepEvent(1))).toThrow(diskFull);
    expect(() =>
      folder.writeCheckpoint({ nextStep: 1, sessionId: new Uint8Array(8), state: new Uint8Array(1) }),
    ).toThrow(diskFull);
    expect(existsSync(join(path, 'state.bin'))).toBe(false);
    folder.close();
  });

  test('under the console: the device is not bothered, the run is told', () => {
    const { folder: first, path } = newRun();
    first.close();
    rmSync(join(path, 'console.log'));
    symlinkSync('/dev/full', join(path, 'console.log'));
    const folder = RunFolder.open(path);
    folder.console('x'.repeat(100_000));
    folder.console('y');
    expect(() => folder.flush()).toThrow(diskFull);
    folder.close();
  });

  test('under the checkpoint: the one before stays', () => {
    const { folder, path } = newRun();
    const checkpoint = { nextStep: 0, sessionId: new Uint8Array(8).fill(7), state: new Uint8Array(1000).fill(5) };
    folder.writeCheckpoint(checkpoint);
    symlinkSync('/dev/full', join(path, 'state.bin.partial'));
    expect(() => folder.writeCheckpoint({ ...checkpoint, nextStep: 1 })).toThrow(diskFull);
    expect(folder.readCheckpoint()).toEqual(checkpoint);
    folder.close();
    expect(readdirSync(path).sort()).toEqual(['console.log', 'metrics.jsonl', 'run.json', 'state.bin']);
  });

  test('under the summary: run.json stays as it was', () => {
    const { folder, path } = newRun();
    symlinkSync('/dev/full', join(path, 'run.json.partial'));
    expect(() => folder.finish(sampleSummary)).toThrow(diskFull);
    folder.close();
    const again = RunFolder.open(path);
    again.close();
    expect(again.manifest.summary).toBeUndefined();
  });
});
