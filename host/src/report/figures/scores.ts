/** Figures of scores: their distribution per layer at the end, and the share pruned per layer over epochs. */
import type { ScoresEvent } from '../../runs/events.js';
import { SCORE_BIN_WIDTH } from '../../runs/score-histogram.js';
import { type Charts, epochAxis, seriesColour } from '../charts.js';
import { type AnyFigure, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

const absent = 'this run records no scores: it learns weights, or an older priot made it';

function scoresOf(run: ReportRun): ScoresEvent[] {
  return run.account.events().filter((event): event is ScoresEvent => event.type === 'scores');
}

/** Draws how the scores of each layer are spread after the last epoch. */
export function scoreDistributionFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'scores';
  const title = 'Scores per layer';
  const bins = runs.flatMap((run, index) => {
    const last = scoresOf(run).at(-1);
    return (last?.layers ?? []).flatMap(({ name, scored, histogram }) =>
      histogram.map((count, bin) => ({
        run: run.name,
        colour: seriesColour(index),
        layer: name,
        low: -128 + bin * SCORE_BIN_WIDTH,
        high: -128 + (bin + 1) * SCORE_BIN_WIDTH,
        share: scored === 0 ? 0 : count / scored,
        count,
      })),
    );
  });
  if (bins.length === 0) return { id, title, missing: absent };
  const layers = [...new Set(bins.map(({ layer }) => layer))];
  const description =
    'Share of a layer’s scored edges by their score, after the last epoch recorded. Edges whose score is below the threshold are pruned.';
  const { plot } = charts;
  const thresholds = [
    ...new Set(runs.map(({ manifest }) => manifest.asked.threshold).filter((value) => value !== undefined)),
  ];
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    chart: charts.draw(
      {
        title,
        description,
        legend: runs.length > 1 ? runs.map(({ name }, index) => ({ label: name, colour: seriesColour(index) })) : [],
      },
      {
        height: 70 + 70 * layers.length,
        marginRight: 90,
        x: { label: 'score', domain: [-128, 128] },
        y: { label: 'share', ticks: 3, tickFormat: '%' },
        fy: { label: null, domain: layers },
        color: { type: 'identity' },
        marks: [
          plot.rectY(bins, {
            x1: 'low',
            x2: 'high',
            y2: 'share',
            y1: 0,
            fy: 'layer',
            fill: 'colour',
            fillOpacity: 0.6,
          }),
          plot.ruleX(thresholds, { stroke: 'currentColor', strokeDasharray: '4,3' }),
          plot.ruleY([0]),
        ],
      },
    ),
    table: {
      columns: ['run', 'layer', 'score from', 'below', 'edges'],
      rows: bins
        .filter(({ count }) => count > 0)
        .map(({ run, layer, low, high, count }) => [run, layer, low, high, count]),
    },
  };
}

/** Draws the share of a layer's edges below the threshold, after each epoch. */
export function prunedShareFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'pruned';
  const title = 'Edges below the threshold, per layer';
  const points = runs.flatMap((run) =>
    scoresOf(run).flatMap(({ epoch, layers }) =>
      layers.map(({ name, edges, pruned }) => ({
        series: runs.length > 1 ? `${run.name}: ${name}` : name,
        run: run.name,
        layer: name,
        epoch: epoch + 1,
        pruned,
        share: edges === 0 ? 0 : pruned / edges,
      })),
    ),
  );
  if (points.length === 0) return { id, title, missing: absent };
  const series = [...new Set(points.map((point) => point.series))];
  const colour = (point: (typeof points)[number]) => seriesColour(series.indexOf(point.series));
  const description =
    'Share of a layer’s edges whose score is below the threshold: they count as 0, or as their negative where the layer says so. Epoch 0 is before training.';
  const { plot } = charts;
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    chart: charts.draw(
      { title, description, legend: series.map((label, index) => ({ label, colour: seriesColour(index) })) },
      {
        x: epochAxis,
        y: { label: 'share', grid: true, zero: true, tickFormat: '%' },
        marks: [
          plot.lineY(points, { x: 'epoch', y: 'share', z: 'series', stroke: colour }),
          plot.dot(points, { x: 'epoch', y: 'share', fill: colour, r: 2 }),
          plot.ruleY([0]),
        ],
      },
    ),
    table: {
      columns: ['run', 'layer', 'epoch', 'edges below', 'share'],
      rows: points.map(({ run, layer, epoch, pruned, share }) => [run, layer, epoch, pruned, share]),
    },
  };
}
