/** Holds a bench report against an earlier one. */
import { readFileSync } from 'node:fs';
import { DataError, UsageError } from '../errors.js';
import type { BenchReport, BenchResult } from './report.js';

/** A figure in both reports. Smaller is better. */
export interface ComparedFigure {
  readonly method: string;
  readonly kernels: string;
  readonly figure: string;
  readonly base: number;
  readonly now: number;
  /** now / base - 1 */
  readonly change: number;
  readonly regressed: boolean;
}

const figures: readonly [name: string, of: (result: BenchResult) => number | null | undefined][] = [
  ['cyclesPerStep.mean', (result) => result.cyclesPerStep?.mean],
  ['cyclesPerActiveStep.mean', (result) => result.cyclesPerActiveStep?.mean],
  ['forwardCycles', (result) => result.forwardCycles],
  ['backwardCycles', (result) => result.backwardCycles],
  ['updateCycles', (result) => result.updateCycles],
  ['wireCycles', (result) => result.wireCycles],
  ['memory.sramTotal', (result) => result.memory.sramTotal],
  ['memory.flash', (result) => result.memory.flash],
];

/** Reads what `priot bench --json` printed. @throws DataError BENCH_REPORT_MALFORMED */
export function readReport(path: string): BenchReport {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw malformed(path, (cause as Error).message, cause);
  }
  if (!isReport(report)) throw malformed(path, 'it has no place, workload and results with memory');
  return report;
}

/**
 * Checks that two reports are of one place and one workload. `now` needs no results yet.
 * @throws UsageError NOT_COMPARABLE
 */
export function checkComparable(base: BenchReport, now: BenchReport): void {
  if (base.place !== now.place) throw notComparable(`the base is ${base.place}, this is ${now.place}`);
  for (const key of ['model', 'dataset', 'angle', 'steps', 'memoryLimitBytes'] as const) {
    const [before, after] = [base.workload[key] ?? null, now.workload[key] ?? null];
    if (before !== after) throw notComparable(`${key} of the base is ${before}, here it is ${after}`);
  }
}

/**
 * Compares every figure that both reports have. Figures grew when they are more than `tolerance` (0.02: 2 %) above the
 * base.
 * @throws UsageError NOT_COMPARABLE: another place, another workload, or nothing in common
 */
export function compareReports(base: BenchReport, now: BenchReport, tolerance: number): ComparedFigure[] {
  checkComparable(base, now);
  const compared = now.results.flatMap((result) => {
    const before = base.results.find(({ method, kernels }) => method === result.method && kernels === result.kernels);
    return before === undefined ? [] : compareResults(before, result, tolerance);
  });
  if (compared.length === 0) throw notComparable('they have no method with the same kernels in common');
  return compared;
}

function compareResults(before: BenchResult, now: BenchResult, tolerance: number): ComparedFigure[] {
  const { method, kernels } = now;
  return figures.flatMap(([figure, of]) => {
    const [base, current] = [of(before), of(now)];
    if (typeof base !== 'number' || typeof current !== 'number') return [];
    const change = base === 0 ? (current === 0 ? 0 : Number.POSITIVE_INFINITY) : current / base - 1;
    return [{ method, kernels, figure, base, now: current, change, regressed: current > base * (1 + tolerance) }];
  });
}

function isReport(value: unknown): value is BenchReport {
  if (typeof value !== 'object' || value === null) return false;
  const { place, workload, results } = value as Partial<BenchReport>;
  return (
    typeof place === 'string' &&
    typeof workload === 'object' &&
    workload !== null &&
    Array.isArray(results) &&
    results.every((result) => typeof result?.method === 'string' && typeof result.memory === 'object')
  );
}

function malformed(path: string, why: string, cause?: unknown): DataError {
  return new DataError(
    'BENCH_REPORT_MALFORMED',
    `${path} is no report of priot bench: ${why}`,
    'write one with: priot bench --json > BASE.json',
    { cause },
  );
}

function notComparable(why: string): UsageError {
  return new UsageError('NOT_COMPARABLE', `the reports cannot be compared: ${why}`, 'measure the base the same way');
}
