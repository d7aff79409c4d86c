/** The results of a sweep, grouped over seeds: mean, standard deviation, worst and n of the metric. */
import type { Place } from '../device/place.js';
import type { RunSummary } from '../runs/run-manifest.js';
import { mean, sampleDeviation } from '../statistics.js';
import { csvLine, formatRows } from '../table.js';
import type { Parameters, SweepCell, SweepMetric } from './sweep-file.js';

/** A session of the sweep that is done. */
export interface CellResult {
  readonly cell: SweepCell;
  readonly summary: RunSummary;
}

/** Sessions that differ in nothing but the seed. */
export interface SweepGroup {
  readonly label: string | undefined;
  /** The parameters without the seed. */
  readonly parameters: Parameters;
  readonly place: Place;
  /** The metric's values, one per seed, ascending seeds. */
  readonly values: readonly number[];
  readonly n: number;
  readonly mean: number;
  /** The deviation of the sample (n - 1); null for a single value. */
  readonly standardDeviation: number | null;
  /** The lowest, or the highest when the goal is to minimise. */
  readonly worst: number;
}

const SEED = 'seed';

/** Follows a path such as `accuracy.after`; undefined when it does not end at a number. */
export function metricOf(summary: RunSummary, name: string): number | undefined {
  let value: unknown = summary;
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === 'number' ? value : undefined;
}

/** Groups in the order of their first cell. Places stay apart. Results without the metric are left out. */
export function groupResults(results: readonly CellResult[], metric: SweepMetric): SweepGroup[] {
  const groups = new Map<
    string,
    { first: CellResult; parameters: Parameters; seen: [seed: number, value: number][] }
  >();
  for (const result of results) {
    const value = metricOf(result.summary, metric.name);
    if (value === undefined) continue;
    const { [SEED]: seed = 0, ...parameters } = result.cell.parameters;
    const key = JSON.stringify([result.cell.label ?? null, result.summary.place, Object.entries(parameters).sort()]);
    const group = groups.get(key) ?? { first: result, parameters, seen: [] };
    group.seen.push([Number(seed), value]);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ first, parameters, seen }) => {
    const values = seen.sort(([a], [b]) => a - b).map(([, value]) => value);
    return {
      label: first.cell.label,
      parameters,
      place: first.summary.place,
      values,
      n: values.length,
      mean: mean(values),
      standardDeviation: sampleDeviation(values),
      worst: metric.goal === 'maximize' ? Math.min(...values) : Math.max(...values),
    };
  });
}

/** Gives the parameters in which sessions differ but for the seed, in the order in which they appear; a column each. */
export function variedParameters(sessions: readonly { readonly parameters: Parameters }[]): string[] {
  const names = new Set(sessions.flatMap(({ parameters }) => Object.keys(parameters)));
  names.delete(SEED);
  return [...names].filter((name) => new Set(sessions.map(({ parameters }) => parameters[name])).size > 1);
}

const always = ['accuracy.before', 'accuracy.after', 'accuracy.best', 'accuracy.initial', 'steps', 'wallSeconds'];
const counted = [
  ...['mean', 'median', 'min', 'max'].map((name) => `cyclesPerStep.${name}`),
  ...['computeSeconds', 'deviceSeconds', 'deviceIdleShare'],
];

/** Gives the metrics that runs will have. @param cycles whether a device counts cycles: all do but simulators */
export function metricNames(cycles: boolean): string[] {
  return cycles ? [...always, ...counted] : always;
}

/**
 * Writes a table for a terminal.
 * @param varied the parameters that differ in the whole sweep, of which this may be a part
 */
export function formatTable(
  groups: readonly SweepGroup[],
  metric: SweepMetric,
  varied: readonly string[] = variedParameters(groups),
): string[] {
  const labelled = groups.some((group) => group.label !== undefined);
  // Where there are labels, they say what options differ between them; the others differ within a label.
  const shown = labelled ? varied.filter((name) => variesWithinLabel(groups, name)) : varied;
  const head = [...(labelled ? ['label'] : []), ...shown, 'place', metric.name, 'deviation', 'worst', 'n'];
  const rows = groups.map((group) => [
    ...(labelled ? [group.label ?? ''] : []),
    ...shown.map((name) => String(group.parameters[name] ?? '-')),
    group.place,
    decimal(group.mean),
    group.standardDeviation === null ? '-' : decimal(group.standardDeviation),
    decimal(group.worst),
    String(group.n),
  ]);
  const numeric = [4, 3, 2, 1].map((fromEnd) => head.length - fromEnd);
  return formatRows([head, ...rows], numeric);
}

/** Writes comma-separated values (RFC 4180): every parameter, one line per group. */
export function formatCsv(groups: readonly SweepGroup[]): string {
  const names = [...new Set(groups.flatMap((group) => Object.keys(group.parameters)))];
  const rows = groups.map((group) => [
    group.label ?? '',
    ...names.map((name) => String(group.parameters[name] ?? '')),
    group.place,
    String(group.mean),
    group.standardDeviation === null ? '' : String(group.standardDeviation),
    String(group.worst),
    String(group.n),
  ]);
  const head = ['label', ...names, 'place', 'mean', 'standard_deviation', 'worst', 'n'];
  return [head, ...rows].map((row) => `${csvLine(row)}\r\n`).join('');
}

function decimal(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(4) : value.toFixed(1);
}

function variesWithinLabel(groups: readonly SweepGroup[], name: string): boolean {
  const labels = new Set(groups.map((group) => group.label));
  return [...labels].some(
    (label) => new Set(groups.filter((group) => group.label === label).map((group) => group.parameters[name])).size > 1,
  );
}
