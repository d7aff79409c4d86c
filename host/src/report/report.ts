/** Makes a report of runs: reads their folders, draws the figures, returns the page. */
import { readFileSync } from 'node:fs';
import { loadCharts } from './charts.js';
import type { AnyFigure } from './figure.js';
import { accuracyFigure, trainingAccuracyFigure } from './figures/accuracy.js';
import { cycleDistributionFigure, cycleSharesFigure, cyclesOverTimeFigure } from './figures/cycles.js';
import { layersFigure, type YardstickEntry } from './figures/layers.js';
import { linkFigure } from './figures/link.js';
import { flashFigure, memoryFigure } from './figures/memory.js';
import { parallelFigure } from './figures/parallel.js';
import { confusionFigure, mistakesFigure } from './figures/predictions.js';
import { prunedShareFigure, scoreDistributionFigure } from './figures/scores.js';
import { reportPage } from './page.js';
import type { ReportRun } from './report-run.js';

/** Reads a file that the browser part of this package was built into. */
function asset(name: string): string {
  return readFileSync(new URL(`../../web/${name}`, import.meta.url), 'utf8');
}

/** Returns all figures of runs, in the order of the page. */
export async function figuresOf(
  runs: readonly ReportRun[],
  yardstick: readonly YardstickEntry[] = [],
): Promise<AnyFigure[]> {
  const charts = await loadCharts();
  const perRun = (make: (run: ReportRun, id: string) => AnyFigure, id: string): AnyFigure[] =>
    runs.map((run, index) => {
      const figure = make(run, runs.length === 1 ? id : `${id}-${index + 1}`);
      return runs.length === 1 ? figure : { ...figure, title: `${figure.title}: ${run.name}` };
    });
  return [
    ...(runs.length > 2 ? [parallelFigure(charts, runs)] : []),
    accuracyFigure(charts, runs),
    trainingAccuracyFigure(charts, runs),
    cyclesOverTimeFigure(charts, runs),
    cycleDistributionFigure(charts, runs),
    cycleSharesFigure(charts, runs),
    layersFigure(charts, runs, yardstick),
    memoryFigure(charts, runs),
    flashFigure(charts, runs),
    scoreDistributionFigure(charts, runs),
    prunedShareFigure(charts, runs),
    ...perRun((run, id) => confusionFigure(charts, run, id), 'confusion'),
    ...perRun(mistakesFigure, 'mistakes'),
    linkFigure(charts, runs),
  ];
}

/** Returns the report of runs as one HTML document. */
export async function makeReport(
  runs: readonly ReportRun[],
  options: { readonly title: string; readonly madeBy: string; readonly yardstick?: readonly YardstickEntry[] },
): Promise<string> {
  const figures = await figuresOf(runs, options.yardstick);
  const { title, madeBy } = options;
  return reportPage(runs, { title, madeBy, figures, style: asset('page.css'), script: asset('page.js') });
}
