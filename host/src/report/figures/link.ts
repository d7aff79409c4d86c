/** The figure of the line between host and device: frames, repeats and faults over the steps. */
import { type Charts, seriesColour } from '../charts.js';
import { type AnyFigure, placesOf } from '../figure.js';
import type { ReportRun } from '../report-run.js';

/** Draws faults on a line of steps; the table has the account of the link. */
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
    faults.length === 0
      ? 'No fault was recorded. The table has the frames, repeats and round trips at the end of each epoch.'
      : 'Faults and recoveries by the step before which they happened. The table has the frames, repeats and round trips.';
  const { plot } = charts;
  const steps = Math.max(1, ...accounts.map(({ afterStep }) => afterStep));
  return {
    id,
    title,
    description,
    places: placesOf(runs),
    ...(faults.length > 0 && {
      chart: charts.draw(
        { title, description },
        {
          height: 80 + 20 * new Set(faults.map(({ code }) => code)).size,
          marginLeft: 180,
          x: { label: 'step', domain: [0, steps] },
          y: { label: null, type: 'band' },
          color: { type: 'identity' },
          marks: [
            plot.tickX(faults, {
              x: 'step',
              y: 'code',
              stroke: 'colour',
              strokeWidth: 2,
              title: ({ run, step, message }: (typeof faults)[number]) => `${run}, before step ${step}: ${message}`,
            }),
          ],
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
