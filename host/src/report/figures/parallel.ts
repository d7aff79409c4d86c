/** Figures of many runs by their settings: parallel coordinates, and means over seeds as a table. */
import type { RunManifest } from '../../runs/run-manifest.js';
import { type Charts, seriesColours } from '../charts.js';
import { type AnyFigure, type Cell, type FigureTable, placesOf } from '../figure.js';

/** A run by what was asked of it and what came out. */
export interface SettledRun {
  readonly name: string;
  readonly manifest: RunManifest;
}

/** Settings that are no choice of the one who reads the figure. */
const ignored: ReadonlySet<string> = new Set(['seed', 'device', 'dataDir', 'deviceCheckpoint']);
const MAX_AXES = 10;
const RESULT = 'accuracy after';

/** Returns the settings that differ between runs, in the order in which they appear. */
function differingSettings(runs: readonly SettledRun[]): string[] {
  const names = new Set(runs.flatMap(({ manifest }) => Object.keys(manifest.asked)));
  return [...names].filter(
    (name) => !ignored.has(name) && new Set(runs.map((run) => String(settingOf(run, name)))).size > 1,
  );
}

function settingOf({ manifest }: SettledRun, name: string): Cell {
  const value = (manifest.asked as unknown as Readonly<Record<string, unknown>>)[name];
  if (value === undefined || value === null) return null;
  return typeof value === 'number' ? value : String(value);
}

/** Draws one line per finished run over an axis per setting that differs, and one for the accuracy it ended with. */
export function parallelFigure(charts: Charts, all: readonly SettledRun[]): AnyFigure {
  const id = 'parallel';
  const title = 'Settings and accuracy';
  const runs = all.filter(({ manifest }) => manifest.summary !== undefined);
  const settings = differingSettings(runs).slice(0, MAX_AXES - 1);
  if (runs.length < 2 || settings.length === 0) {
    return { id, title, missing: 'it takes two finished runs that differ in more than their seed' };
  }
  const axes = [
    ...settings.map((name) =>
      axisOf(
        name,
        runs.map((run) => settingOf(run, name)),
      ),
    ),
    resultAxis(runs),
  ];
  const accuracies = runs.map(({ manifest }) => manifest.summary!.accuracy.after);
  const [worst, best] = [Math.min(...accuracies), Math.max(...accuracies)];
  const points = runs.flatMap((run) =>
    axes.map((axis) => {
      const value = axis.name === RESULT ? run.manifest.summary!.accuracy.after : settingOf(run, axis.name);
      return {
        run: run.name,
        axis: axis.name,
        height: axis.heightOf(value),
        after: run.manifest.summary!.accuracy.after,
      };
    }),
  );
  const ticks = axes.flatMap((axis) => axis.ticks.map(({ label, height }) => ({ axis: axis.name, label, height })));
  const description =
    'One line per run: it crosses each axis at the value that the run had, and ends at its accuracy after training. The stronger the line, the more accurate the run.';
  const { plot } = charts;
  const opacity = ({ after }: (typeof points)[number]) =>
    best === worst ? 0.8 : 0.4 + (0.6 * (after - worst)) / (best - worst);
  return {
    id,
    title,
    description,
    places: placesOf(runs.map(({ manifest }) => manifest)),
    chart: charts.draw(
      { title, description },
      {
        height: 360,
        marginLeft: 70,
        marginRight: 90,
        x: { type: 'point', domain: axes.map(({ name }) => name), label: null, axis: 'top' },
        y: { axis: null, domain: [0, 1] },
        opacity: { type: 'identity' } as never,
        marks: [
          plot.ruleX(
            axes.map(({ name }) => name),
            { strokeOpacity: 0.5 },
          ),
          plot.line(points, {
            x: 'axis',
            y: 'height',
            z: 'run',
            stroke: seriesColours[0],
            strokeOpacity: opacity,
            strokeWidth: 1.5,
            title: 'run',
          }),
          plot.text(ticks, { x: 'axis', y: 'height', text: 'label', dx: 6, textAnchor: 'start', fontWeight: 'bold' }),
        ],
      },
    ),
    table: groupedTable(runs, settings),
  };
}

interface Axis {
  readonly name: string;
  readonly ticks: readonly { readonly label: string; readonly height: number }[];
  /** 0..1 from bottom to top. */
  heightOf(value: Cell): number;
}

function axisOf(name: string, values: readonly Cell[]): Axis {
  const distinct = [...new Set(values)];
  const numeric = distinct.every((value) => typeof value === 'number');
  distinct.sort((a, b) => (numeric ? Number(a) - Number(b) : String(a ?? '').localeCompare(String(b ?? ''))));
  const place = (value: Cell) => (distinct.length < 2 ? 0.5 : distinct.indexOf(value) / (distinct.length - 1));
  const step = Math.ceil(distinct.length / 12);
  const labelled = distinct.filter((_, index) => index % step === 0);
  return {
    name,
    ticks: labelled.map((value) => ({ label: value === null ? 'default' : String(value), height: place(value) })),
    heightOf: place,
  };
}

function resultAxis(runs: readonly SettledRun[]): Axis {
  const values = runs.map(({ manifest }) => manifest.summary!.accuracy.after);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const heightOf = (value: Cell) => (high === low ? 0.5 : (Number(value) - low) / (high - low));
  const ticks = [...new Set([low, (low + high) / 2, high])];
  return {
    name: RESULT,
    ticks: ticks.map((value) => ({ label: value.toFixed(3), height: heightOf(value) })),
    heightOf,
  };
}

/** Means over seeds, the best first. */
function groupedTable(runs: readonly SettledRun[], settings: readonly string[]): FigureTable {
  const groups = new Map<string, { cells: Cell[]; values: number[] }>();
  for (const run of runs) {
    const cells = [...settings.map((name) => settingOf(run, name)), run.manifest.place];
    const key = JSON.stringify(cells);
    const group = groups.get(key) ?? { cells, values: [] };
    group.values.push(run.manifest.summary!.accuracy.after);
    groups.set(key, group);
  }
  const rows = [...groups.values()].map(({ cells, values }): Cell[] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [...cells, mean, Math.min(...values), Math.max(...values), values.length];
  });
  const column = settings.length + 1;
  rows.sort((a, b) => Number(b[column]) - Number(a[column]));
  return { columns: [...settings, 'place', 'mean accuracy after', 'lowest', 'highest', 'seeds'], rows };
}
