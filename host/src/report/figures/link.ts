/** The figure of the line between host and device: frames, repeats and faults over the steps. */
import { type Charts, seriesColour } from '../charts.js';
import { type AnyFigure, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

const countLabels = [
  { key: 'retries', label: 'repeated frames' },
  { key: 'crcErrors', label: 'damaged frames' },
  { key: 'timeouts', label: 'timeouts' },
] as const;

/** More numbers than this on one line would lie over one another. */
const MOST_NUMBERS = 12;

/** Returns what was counted between accounts of a run's link, of which the figure has room for a few. */
function countsOf(accounts: ReturnType<ReportRun['account']['linkOverSteps']>) {
  const every = Math.ceil(accounts.length / MOST_NUMBERS);
  const chosen = accounts.filter((_, index) => (index + 1) % every === 0 || index === accounts.length - 1);
  return chosen.flatMap(({ afterStep, event }, index) =>
    countLabels.map(({ key, label }) => {
      const before = chosen[index - 1]?.event[key] ?? 0;
      // a run that was resumed counts anew
      return { label, step: afterStep, count: event[key] < before ? event[key] : event[key] - before };
    }),
  );
}

/** Draws a time line of the link and its faults; the table has the accounts of the link. */
export function linkFigure(charts: Charts, runs: readonly ReportRun[]): AnyFigure {
  const id = 'link';
  const title = 'The line to the device';
  const accounts = runs.flatMap(({ name, account }) => account.linkOverSteps().map((entry) => ({ name, ...entry })));
  if (accounts.length === 0) return { id, title, missing: 'no account of the link is recorded yet' };
  const faults = runs.flatMap(({ name, account }, index) =>
    account
      .faults()
      .map(({ step, code, message }) => ({ run: name, colour: seriesColour(index), step, code, message })),
  );
  const description =
    (runs.length > 1
      ? 'The table has frames, repeats and round trips at the end of each epoch; '
      : 'Repeated frames, damaged frames and timeouts between two accounts of the link (one at the end of each epoch), by the training steps done; ') +
    (faults.length === 0
      ? 'no fault was recorded.'
      : 'ticks are faults and recoveries, before the step at which they happened.');
  // of several runs the numbers would lie over one another: they are in the table
  const counts = runs.length > 1 ? [] : countsOf(runs[0]!.account.linkOverSteps());
  const { plot } = charts;
  const steps = Math.max(1, ...accounts.map(({ afterStep }) => afterStep));
  const rows = [
    ...(runs.length > 1 ? [] : countLabels.map(({ label }) => label)),
    ...new Set(faults.map(({ code }) => code)),
  ];
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    ...(rows.length > 0 && {
      chart: charts.draw(
        {
          title,
          description,
          legend: runs.length > 1 ? runs.map(({ name }, index) => ({ label: name, colour: seriesColour(index) })) : [],
        },
        {
          height: 70 + 24 * rows.length,
          marginLeft: 160,
          x: { label: 'step', domain: [0, steps] },
          y: { label: null, type: 'band', domain: rows },
          color: { type: 'identity' },
          r: { type: 'identity' },
          marks: [
            plot.gridY(),
            plot.text(counts, {
              x: 'step',
              y: 'label',
              text: ({ count }: (typeof counts)[number]) => String(count),
              textAnchor: 'end',
              fill: 'currentColor',
              fillOpacity: ({ count }: (typeof counts)[number]) => (count === 0 ? 0.6 : 1),
            }),
            plot.tickX(faults, {
              x: 'step',
              y: 'code',
              stroke: 'colour',
              strokeWidth: 2,
              title: ({ run, step, message }: (typeof faults)[number]) => `${run}, before step ${step}: ${message}`,
            }),
          ],
          opacity: { type: 'identity' } as never,
        },
      ),
    }),
    table: {
      columns: ['run', 'steps done', 'frames', 'CRC errors', 'repeats', 'timeouts', 'round trip, ms'],
      rows: accounts.map(({ name, afterStep, event }) => [
        name,
        afterStep,
        event.frames,
        event.crcErrors,
        event.retries,
        event.timeouts,
        event.roundTripMs,
      ]),
    },
  };
}
