/** Figures of accuracy: on test images and on training images over epochs, with the spread over seeds. */
import type { AccuracyCurve } from '../../runs/run-metrics.js';
import { type Charts, epochAxis, seriesColour } from '../charts.js';
import { type AnyFigure, type Cell, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';
import { groupBySeed, type RunGroup } from '../run-group.js';

interface Point {
  readonly group: string;
  /** 0: before training; else counted from 1. */
  readonly epoch: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly seeds: number;
}

/** Draws the accuracy after each epoch, one line per group of runs that differ in their seed alone. */
export function accuracyFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'accuracy';
  const title = 'Accuracy over epochs';
  const groups = groupBySeed(runs);
  const points = groups.flatMap((group) => pointsOf(group, evaluatedPoints));
  if (points.length === 0) return { id, title, missing: 'no evaluation is recorded yet' };
  const sets = [...new Set(runs.flatMap((run) => epochCurve(run)?.imageSet ?? []))];
  const counts = [...new Set(runs.flatMap((run) => epochCurve(run)?.images ?? []))];
  const description = `Accuracy after each epoch on ${counts.map((count) => count.toLocaleString('en')).join(' or ')} images of ${sets.join(', ')}. Epoch 0 is the frozen network before training.`;
  return {
    id,
    title,
    description: `${description}${spreadNote(groups)}`,
    places: placesOf(runs),
    chart: accuracyChart(charts, title, description, groups, points),
    table: tableOf(points),
  };
}

/** Draws the share of training steps whose prediction, made before the update, was right. */
export function trainingAccuracyFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'training-accuracy';
  const title = 'Training accuracy over epochs';
  const groups = groupBySeed(runs);
  const points = groups.flatMap((group) => pointsOf(group, trainedPoints));
  if (points.length === 0) return { id, title, missing: 'no training step is recorded yet' };
  const description = 'Share of training images that were predicted right, each before the step that learns from it.';
  return {
    id,
    title,
    description: `${description}${spreadNote(groups)}`,
    places: placesOf(runs),
    chart: accuracyChart(charts, title, description, groups, points),
    table: tableOf(points),
  };
}

function accuracyChart(
  { plot, draw }: Charts,
  title: string,
  description: string,
  groups: readonly RunGroup[],
  points: readonly Point[],
): string {
  const colour = (point: Point) => seriesColour(groups.findIndex(({ name }) => name === point.group));
  const legend = groups.map(({ name }, index) => ({ label: name, colour: seriesColour(index) }));
  return draw(
    { title, description, legend: groups.length > 1 ? legend : [] },
    {
      x: epochAxis,
      y: { label: 'accuracy', domain: [0, 1], grid: true },
      marks: [
        plot.areaY(points, { x: 'epoch', y1: 'low', y2: 'high', z: 'group', fill: colour, fillOpacity: 0.18 }),
        plot.lineY(points, { x: 'epoch', y: 'mean', z: 'group', stroke: colour, strokeWidth: 2 }),
        plot.dot(points, { x: 'epoch', y: 'mean', fill: colour, r: 2.5, title: titleOf }),
        plot.ruleY([0]),
      ],
    },
  );
}

function titleOf({ group, epoch, mean, seeds }: Point): string {
  return `${group}, ${epoch === 0 ? 'before training' : `epoch ${epoch}`}: ${mean.toFixed(4)}${seeds > 1 ? ` (mean of ${seeds} seeds)` : ''}`;
}

function tableOf(points: readonly Point[]): { columns: string[]; rows: Cell[][] } {
  return {
    columns: ['run', 'epoch', 'accuracy', 'lowest', 'highest', 'seeds'],
    rows: points.map(({ group, epoch, mean, low, high, seeds }) => [group, epoch, mean, low, high, seeds]),
  };
}

function spreadNote(groups: readonly RunGroup[]): string {
  return groups.some(({ runs }) => runs.length > 1)
    ? ' Lines are means over seeds; the band goes from the lowest to the highest.'
    : '';
}

type PointsOf = (run: ReportRun) => { readonly epoch: number; readonly accuracy: number }[];

/**
 * Finds the curve with a point after every epoch: the one with the most epochs, of several the one of the fewest
 * images.
 */
export function epochCurve(run: ReportRun): AccuracyCurve | undefined {
  const curves = [...run.account.metrics().accuracy];
  curves.sort((a, b) => b.epochs.length - a.epochs.length || a.images - b.images);
  return curves[0];
}

const evaluatedPoints: PointsOf = (run) => {
  const curve = epochCurve(run);
  if (curve === undefined) return [];
  // "before" is measured on the final set, of which the images after each epoch are the first
  const before = curve.before ?? run.account.metrics().accuracy.find((one) => one.before !== null)?.before ?? null;
  return [
    ...(before === null ? [] : [{ epoch: 0, accuracy: before }]),
    ...curve.epochs.map(({ epoch, accuracy }) => ({ epoch: epoch + 1, accuracy })),
  ];
};

const trainedPoints: PointsOf = ({ account }) =>
  account.trainedEpochs().map(({ epoch, steps, correct }) => ({ epoch: epoch + 1, accuracy: correct / steps }));

function pointsOf(group: RunGroup, of: PointsOf): Point[] {
  const byEpoch = new Map<number, number[]>();
  for (const run of group.runs) {
    for (const { epoch, accuracy } of of(run)) byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), accuracy]);
  }
  return [...byEpoch.entries()]
    .sort(([a], [b]) => a - b)
    .map(([epoch, values]) => ({
      group: group.name,
      epoch,
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      low: Math.min(...values),
      high: Math.max(...values),
      seeds: values.length,
    }));
}
