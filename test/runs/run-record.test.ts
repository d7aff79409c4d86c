import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sparkline } from '#host/cli/text/graphs.js';
import { compareRuns } from '#host/runs/comparison.js';
import type { RunEvent } from '#host/runs/events.js';
import { RunFolder } from '#host/runs/run-folder.js';
import { parseManifest, type RunManifest, type RunSummary } from '#host/runs/run-manifest.js';
import { cycleStatistics, summariseMetrics } from '#host/runs/run-metrics.js';
import { listRuns, type RunRecord, readRun } from '#host/runs/run-record.js';
import { csvLines } from '#host/trackers/csv.js';
import { epochEvent, sampleEvents, sampleManifest, sampleSummary, stepEvent, temporaryFolder } from './sample-run.js';

function record(path: string, changes: Partial<RunManifest>, events: readonly RunEvent[] = sampleEvents): RunRecord {
  return { path, manifest: sampleManifest(changes), metrics: summariseMetrics(events) };
}

function done(changes: Partial<RunSummary> = {}): RunSummary {
  return { ...structuredClone(sampleSummary), ...changes };
}

describe('run.json', () => {
  const text = (change: (manifest: RunManifest) => void) => {
    const manifest = sampleManifest({ summary: done() });
    change(manifest);
    return JSON.stringify(manifest);
  };

  test('keys beyond the known ones are kept', () => {
    const parsed = parseManifest(`{"more": 1,${text(() => {}).slice(1)}`, 'run.json');
    expect(parsed).toEqual({ more: 1, ...sampleManifest({ summary: done() }) });
  });

  test.each([
    ['', 'run.json is not JSON'],
    ['null', 'run.json: the document is null; it must be an object'],
    [text((manifest) => Object.assign(manifest, { version: 2 })), 'has version 2, this priot reads version 1'],
    [
      text((manifest) => Object.assign(manifest, { createdAt: 'today' })),
      'createdAt is "today"; it must be a time as ISO 8601',
    ],
    [
      text((manifest) => Object.assign(manifest.asked, { method: 'sgd' })),
      'asked.method is "sgd"; it must be one of priot, priot-s,',
    ],
    [
      text((manifest) => Object.assign(manifest.asked, { samples: 1.5 })),
      'asked.samples is 1.5; it must be a whole number',
    ],
    [text((manifest) => manifest.provenance.network.files.push({ name: 'a', sha256: 'x' })), 'network.files[1].sha256'],
    [
      text((manifest) => Object.assign(manifest.summary!.accuracy, { best: 2 })),
      'summary.accuracy.best is 2; it must be a number 0..1',
    ],
  ])('refuses %#', (json, complaint) => {
    expect(() => parseManifest(json, 'run.json')).toThrow(complaint);
  });
});

describe('metrics', () => {
  test('add up', () => {
    const metrics = summariseMetrics(sampleEvents);
    expect(metrics).toMatchObject({
      steps: 4,
      activeSteps: 2,
      cyclesPerStep: { mean: 1001.5, median: 1001.5, min: 1000, max: 1003 },
      link: { frames: 20 },
      memory: { flash: 120_000 },
    });
    expect(metrics.faults).toHaveLength(1);
    expect(metrics.accuracy).toEqual([
      {
        imageSet: 'digits test',
        images: 8,
        before: 0.5,
        epochs: [
          { epoch: 0, correct: 7, accuracy: 0.875 },
          { epoch: 1, correct: 6, accuracy: 0.75 },
        ],
        best: { epoch: 0, accuracy: 0.875 },
      },
    ]);
  });

  test('sets of images are kept apart, and an epoch counts once', () => {
    const { accuracy } = summariseMetrics([
      epochEvent(-1, 50, 100),
      epochEvent(-1, 4),
      epochEvent(0, 5),
      epochEvent(0, 6),
      epochEvent(0, 80, 100),
    ]);
    expect(
      accuracy.map(({ images, before, epochs }) => [images, before, epochs.map(({ correct }) => correct)]),
    ).toEqual([
      [8, 0.5, [6]],
      [100, 0.5, [80]],
    ]);
  });

  test('the cycles of an interrupted epoch are the sum of its parts', () => {
    const part = sampleEvents.find((event) => event.type === 'cycles')!;
    expect(summariseMetrics([part, { ...part, epoch: 1 }, part]).cyclesByEpoch).toEqual([
      {
        type: 'cycles',
        epoch: 0,
        steps: 4,
        activeSteps: 2,
        computeCycles: 4002,
        forwardCycles: 1800,
        wireCycles: 100,
        idleCycles: 20,
      },
      { ...part, epoch: 1 },
    ]);
  });

  test('cycle statistics', () => {
    expect(cycleStatistics([])).toBeNull();
    expect(cycleStatistics([3])).toEqual({ mean: 3, median: 3, min: 3, max: 3 });
    expect(cycleStatistics([10, 9, 100])).toEqual({ mean: 119 / 3, median: 10, min: 9, max: 100 });
    expect(cycleStatistics([4_000_000_000, 4_000_000_002])).toMatchObject({
      mean: 4_000_000_001,
      median: 4_000_000_001,
    });
  });

  test('a curve in text', () => {
    expect(sparkline([0, 0.5, 1])).toBe('▁▅█');
    expect(sparkline([0.7, 0.7])).toBe('▁▁');
  });
});

describe('comparison', () => {
  test('names what differs and relates cycles of one place', () => {
    const other = sampleManifest({ summary: done({ cyclesPerStep: { mean: 500, median: 5, min: 5, max: 5 } }) });
    other.asked.seed = 1;
    const comparison = compareRuns([record('a', { summary: done() }), record('b', other)]);
    expect(comparison.differences).toEqual([{ setting: 'asked.seed', values: [0, 1] }]);
    expect(comparison.runs.map((run) => run.cyclesRatio)).toEqual([1, 0.5]);
    expect(comparison.stateDigestsEqual).toBe(true);
    expect(comparison.notes).toEqual([]);
  });

  test('does not relate cycles of different places', () => {
    const comparison = compareRuns([
      record('a', { summary: done() }),
      record('b', { place: 'hardware', summary: done({ stateDigest: 'cd'.repeat(32) }) }),
    ]);
    expect(comparison.runs.map((run) => run.cyclesRatio)).toEqual([null, null]);
    expect(comparison.stateDigestsEqual).toBe(false);
    expect(comparison.notes).toEqual(['cycles come from different places (emulated, hardware) and are not compared']);
  });

  test('says when images differ, cycles are missing or a run is not done', () => {
    const simulated = [epochEvent(0, 80, 100), stepEvent(0, { cycles: null })];
    const comparison = compareRuns([record('a', { summary: done() }), record('b', { place: 'simulated' }, simulated)]);
    expect(comparison.stateDigestsEqual).toBeNull();
    expect(comparison.runs[1]).toMatchObject({
      done: false,
      steps: 1,
      accuracy: { before: null, after: 0.8, best: 0.8 },
    });
    expect(comparison.notes).toEqual([
      'no cycles were counted in b',
      'accuracies are over different images',
      'not done, numbers so far: b',
    ]);
  });
});

test('csv quotes, and leaves null empty', () => {
  const events: RunEvent[] = [
    stepEvent(0, { cycles: null }),
    { type: 'epoch', epoch: 0, images: 8, correct: 4, accuracy: 0.5, imageSet: 'a "b", c' },
  ];
  expect([...csvLines(events, 'step')]).toEqual([
    'step,epoch,label,prediction,correct,lossZero,cycles\n',
    '0,0,3,3,true,false,\n',
  ]);
  expect([...csvLines(events, 'epoch')]).toEqual([
    'epoch,images,correct,accuracy,imageSet\n',
    '0,8,4,0.5,"a ""b"", c"\n',
  ]);
});

describe('reading folders', () => {
  test('a bad line is named with file and number; a torn last line is not there', () => {
    const path = join(temporaryFolder(), 'run');
    const folder = RunFolder.create(path, sampleManifest());
    folder.append(stepEvent(0));
    folder.close();
    const metrics = join(path, 'metrics.jsonl');
    const good = `${JSON.stringify(stepEvent(0))}\n`;
    writeFileSync(metrics, `${good}{"type":"st`);
    expect(readRun(path).metrics.steps).toBe(1);
    writeFileSync(metrics, `${good}{"type":"st\n${good}`);
    expect(() => readRun(path)).toThrow(
      expect.objectContaining({ class: 'data', message: expect.stringContaining('metrics.jsonl:2: not JSON') }),
    );
  });

  test('a list is in order of creation and says which runs are damaged or not done', () => {
    const parent = temporaryFolder();
    const create = (name: string, createdAt: string) =>
      RunFolder.create(join(parent, name), sampleManifest({ createdAt }));
    const late = create('a', '2026-03-02T00:00:00.000Z');
    late.finish(done());
    late.close();
    const early = create('b', '2026-03-01T00:00:00.000Z');
    early.append(stepEvent(0));
    early.close();
    create('c', '2026-03-03T00:00:00.000Z').close();
    writeFileSync(join(parent, 'c', 'run.json'), '{');
    RunFolder.create(join(parent, 'no-run', 'x'), sampleManifest()).close();
    expect(listRuns(parent)).toMatchObject([
      { path: join(parent, 'c'), error: { code: 'RUN_MALFORMED' } },
      { path: join(parent, 'b'), result: { done: false, steps: 1 } },
      { path: join(parent, 'no-run', 'x'), result: { done: false } },
      { path: join(parent, 'a'), result: { done: true, steps: 4 } },
    ]);
  });
});
