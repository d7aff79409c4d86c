/** Figures of cycles: per step over time, as a distribution, and where those of an epoch went. */
import { type Charts, epochAxis, seriesColour, shortNumber } from '../charts.js';
import { type AnyFigure, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

const noCounter = 'no cycles were counted: the simulator has no cycle counter';

function counted(runs: readonly ReportRun[]): ReportRun[] {
  return runs.filter(({ account }) => account.cyclesOverSteps().length > 0);
}

/** Draws mean, lowest and highest compute cycles over the steps of each run. */
export function cyclesOverTimeFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'cycles';
  const title = 'Cycles per step over time';
  const shown = counted(runs);
  if (shown.length === 0) return { id, title, missing: noCounter };
  const points = shown.flatMap(({ name, account }, index) =>
    account.cyclesOverSteps().map(({ first, count, sum, min, max }) => ({
      run: name,
      colour: seriesColour(index),
      step: first,
      count,
      mean: sum / count,
      min,
      max,
    })),
  );
  const description =
    'Compute cycles of training steps, without interrupts, wire and waiting. Each point is the mean of consecutive steps; the band goes from the cheapest to the dearest of them.';
  const { plot } = charts;
  const legend = shown.map(({ name }, index) => ({ label: name, colour: seriesColour(index) }));
  return {
    id,
    title,
    description,
    places: placesOf(shown),
    chart: charts.draw(
      { title, description, legend: shown.length > 1 ? legend : [] },
      {
        marginLeft: 60,
        x: { label: 'step' },
        y: { label: 'cycles', grid: true, zero: true, tickFormat: shortNumber },
        marks: [
          plot.areaY(points, { x: 'step', y1: 'min', y2: 'max', z: 'run', fill: 'colour', fillOpacity: 0.15 }),
          plot.lineY(points, { x: 'step', y: 'mean', z: 'run', stroke: 'colour' }),
          plot.ruleY([0]),
        ],
        color: { type: 'identity' },
      },
    ),
    table: {
      columns: ['run', 'first step', 'steps', 'mean cycles', 'fewest', 'most'],
      rows: points.map(({ run, step, count, mean, min, max }) => [run, step, count, Math.round(mean), min, max]),
    },
  };
}

/** Draws how many steps took how many compute cycles. */
export function cycleDistributionFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'cycle-distribution';
  const title = 'Distribution of cycles per step';
  const shown = counted(runs);
  if (shown.length === 0) return { id, title, missing: noCounter };
  const bins = shown.flatMap(({ name, account }, index) =>
    account.cycleHistogram().map(({ low, width, count }) => ({
      run: name,
      colour: seriesColour(index),
      low,
      high: low + width,
      count,
    })),
  );
  const description =
    'Number of training steps by their compute cycles. Steps whose loss gradient is zero run no backward pass: they are the cheap ones on the left.';
  const { plot } = charts;
  return {
    id,
    title,
    description,
    places: placesOf(shown),
    chart: charts.draw(
      {
        title,
        description,
        legend: shown.length > 1 ? shown.map(({ name }, i) => ({ label: name, colour: seriesColour(i) })) : [],
      },
      {
        x: { label: 'cycles', tickFormat: shortNumber },
        y: { label: 'steps', grid: true },
        color: { type: 'identity' },
        marks: [
          plot.rectY(bins, { x1: 'low', x2: 'high', y1: 0, y2: 'count', fill: 'colour', fillOpacity: 0.6 }),
          plot.ruleY([0]),
        ],
      },
    ),
    table: {
      columns: ['run', 'cycles from', 'below', 'steps'],
      rows: bins.map(({ run, low, high, count }) => [run, low, high, count]),
    },
  };
}

const parts = [
  ['forward', 'forwardCycles'],
  ['backward and update', 'backward'],
  ['interrupts and messages', 'wireCycles'],
  ['waiting for the host', 'idleCycles'],
] as const;

/** Draws where the device's cycles went in each epoch. */
export function cycleSharesFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'cycle-shares';
  const title = 'Where the cycles of an epoch went';
  const rows = runs.flatMap(({ name, account }) =>
    account.metrics().cyclesByEpoch.flatMap((event) =>
      parts.map(([part, key], index) => ({
        run: name,
        epoch: event.epoch + 1,
        part,
        colour: seriesColour(index),
        cyclesPerStep:
          (key === 'backward' ? event.computeCycles - event.forwardCycles : event[key]) / Math.max(1, event.steps),
      })),
    ),
  );
  if (rows.length === 0) return { id, title, missing: noCounter };
  const description = 'Cycles per training step, by what the device did, mean of each epoch.';
  const { plot } = charts;
  const names = [...new Set(rows.map(({ run }) => run))];
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    chart: charts.draw(
      { title, description, legend: parts.map(([label], index) => ({ label, colour: seriesColour(index) })) },
      {
        height: 60 + 200 * names.length,
        marginLeft: 60,
        marginRight: names.length > 1 ? 120 : 20,
        x: epochAxis,
        y: { label: 'cycles per step', grid: true, tickFormat: shortNumber },
        fy: { label: null },
        color: { type: 'identity' },
        marks: [
          plot.rectY(rows, {
            x1: ({ epoch }: (typeof rows)[number]) => epoch - 0.45,
            x2: ({ epoch }: (typeof rows)[number]) => epoch + 0.45,
            y: 'cyclesPerStep',
            fill: 'colour',
            ...(names.length > 1 ? { fy: 'run' } : {}),
          }),
          plot.ruleY([0]),
        ],
      },
    ),
    table: {
      columns: ['run', 'epoch', 'part', 'cycles per step'],
      rows: rows.map(({ run, epoch, part, cyclesPerStep }) => [run, epoch, part, Math.round(cyclesPerStep)]),
    },
  };
}
