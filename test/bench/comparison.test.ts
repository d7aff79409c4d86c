import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareReports, readReport } from '#host/bench/comparison.js';
import type { BenchReport } from '#host/bench/report.js';

function report(cycles: number, sramTotal = 100_000): BenchReport {
  const all = { mean: cycles, median: cycles, min: cycles, max: cycles };
  return {
    place: 'emulated',
    clockHz: 125_000_000,
    firmware: { commit: 'c', compiler: 'gcc', flags: '-O3' },
    workload: { model: 'm', dataset: 'mnist', angle: 45, steps: 8, memoryLimitBytes: null },
    results: [
      {
        ...{ method: 'priot', kernels: 'm0plus', steps: 8, activeSteps: 0, repeats: 1, repeatSpread: 0 },
        ...{ cyclesPerStep: all, cyclesPerActiveStep: null, forwardCycles: cycles, lossCycles: 0, backwardCycles: 0 },
        ...{ updateCycles: 0, wireCycles: 100, idleCycles: 0, idleShare: 0, layers: [], stepsPerSecond: 1 },
        memory: {
          ...{
            sramTotal,
            static: 1,
            stackHighWater: 1,
            flash: 1,
            weightsInFlash: false,
            effectiveWeightsKept: true,
            fastKernels: true,
          },
          arena: { weights: 0, state: 0, activations: 0, errors: 0, other: 0 },
        },
        stateDigest: '',
        flashCost: null,
      },
    ],
  };
}

const regressed = (base: BenchReport, now: BenchReport, tolerance: number) =>
  compareReports(base, now, tolerance)
    .filter((figure) => figure.regressed)
    .map(({ figure }) => figure);

test('a figure has grown when it is above the base by more than the tolerance', () => {
  expect(regressed(report(1000), report(1020), 0.02)).toEqual([]);
  expect(regressed(report(1000), report(1021), 0.02)).toEqual(['cyclesPerStep.mean', 'forwardCycles']);
  expect(regressed(report(1000), report(900, 103_000), 0.02)).toEqual(['memory.sramTotal']);
  expect(regressed(report(1000), report(1001), 0)).toEqual(['cyclesPerStep.mean', 'forwardCycles']);
});

test('nothing compares across places or workloads', () => {
  const elsewhere = { ...report(1000), place: 'hardware' as const };
  expect(() => compareReports(elsewhere, report(1000), 0)).toThrow(/the base is hardware, this is emulated/);
  const other = { ...report(1000), workload: { ...report(1000).workload, angle: 30 } };
  expect(() => compareReports(other, report(1000), 0)).toThrow(/angle of the base is 30, here it is 45/);
  expect(() => compareReports({ ...report(1000), results: [] }, report(1000), 0)).toThrow(/in common/);
});

test('a base that is no report is bad data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'priot-bench-'));
  try {
    const path = join(folder, 'base.json');
    for (const text of [
      '',
      '[]',
      '{"place": "emulated", "results": []}',
      '{"place":"x","workload":{},"results":[{}]}',
    ]) {
      writeFileSync(path, text);
      expect(() => readReport(path)).toThrow(
        expect.objectContaining({ code: 'BENCH_REPORT_MALFORMED', class: 'data' }),
      );
    }
    writeFileSync(path, JSON.stringify(report(1)));
    expect(readReport(path)).toEqual(report(1));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
