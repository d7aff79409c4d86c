/** Figures of predictions: the confusion matrix of the last evaluation, and images it got wrong. */
import type { ConfusionEvent, MistakesEvent } from '../../runs/events.js';
import { bitmapDataUri } from '../bitmap.js';
import { type Charts, seriesColours } from '../charts.js';
import { type AnyFigure, type Cell, placesOf } from '../figure.js';
import { html } from '../html.js';
import type { ReportRun } from '../report-run.js';

const absent = 'this run records no predictions: it has not ended, or an older priot made it';

/** Returns a class's name; its number where the data set names none. */
function className(names: readonly string[] | undefined, label: number): string {
  return names?.[label] ?? String(label);
}

/** Draws a run's confusion matrix: true classes down, predicted ones across. */
export function confusionFigure(charts: Charts, run: ReportRun, id = 'confusion'): AnyFigure {
  const title = 'Confusion matrix';
  const event = run.account.events().findLast((one): one is ConfusionEvent => one.type === 'confusion');
  if (event === undefined) return { id, title, missing: absent };
  const { counts, images, imageSet, epoch } = event;
  const { classNames } = run.manifest.provenance.dataset;
  const size = counts.length;
  const cells = counts.flatMap((row, label) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, prediction) => ({
      label: className(classNames, label),
      prediction: className(classNames, prediction),
      count,
      share: all === 0 ? 0 : count / all,
      right: label === prediction,
    }));
  });
  const domain = counts.map((_, label) => className(classNames, label));
  const description = `Images of each class (rows) by what the network took them for (columns), after epoch ${epoch + 1}, on ${images.toLocaleString('en')} images of ${imageSet}. On the diagonal it was right.`;
  const { plot } = charts;
  const side = 90 + Math.min(560, Math.max(240, size * 40));
  const [right, wrong] = seriesColours;
  return {
    id,
    title,
    description,
    places: placesOf([run]),
    chart: charts.draw(
      { title, description },
      {
        height: side,
        marginLeft: 110,
        marginBottom: 60,
        marginTop: 30,
        x: { label: 'predicted', domain, ...(size > 12 && { tickRotate: -60 }) },
        y: { label: 'true class', domain },
        color: { type: 'identity' },
        marks: [
          plot.cell(cells, {
            x: 'prediction',
            y: 'label',
            fill: (cell: (typeof cells)[number]) => (cell.right ? right : wrong),
            fillOpacity: (cell: (typeof cells)[number]) => (cell.count === 0 ? 0 : 0.15 + 0.85 * cell.share),
            inset: 0.5,
            title: ({ label, prediction, count }: (typeof cells)[number]) =>
              `${label} taken for ${prediction}: ${count}`,
          }),
          ...(size <= 20
            ? [
                plot.text(
                  cells.filter(({ count }) => count > 0),
                  { x: 'prediction', y: 'label', text: 'count', fill: 'currentColor', stroke: 'none' },
                ),
              ]
            : []),
        ],
        opacity: { type: 'identity' } as never,
      },
    ),
    table: {
      columns: ['true class', ...domain],
      rows: counts.map((row, label): Cell[] => [className(classNames, label), ...row]),
    },
  };
}

/** Shows images of the last evaluation that were predicted wrong, as the device saw them. */
export function mistakesFigure(run: ReportRun, id = 'mistakes'): AnyFigure {
  const title = 'Images it gets most wrong';
  const event = run.account.events().findLast((one): one is MistakesEvent => one.type === 'mistakes');
  if (event === undefined) return { id, title, missing: absent };
  if (event.examples.length === 0)
    return { id, title, missing: 'every image of the last evaluation was predicted right' };
  const { height, width, channels } = event;
  const { classNames } = run.manifest.provenance.dataset;
  const byMargin = event.examples.every(({ margin }) => margin !== null);
  const description = `${
    byMargin
      ? 'The images of the last evaluation that were predicted wrong by the largest margin: the logit of the prediction less that of the true class, in units of the last layer.'
      : 'The first images of the last evaluation that were predicted wrong; their margins were not recorded: an older priot or its firmware made this run.'
  } They are shown as the device saw them: shifted, and with pixels halved to 0..127.`;
  return {
    id,
    title,
    description,
    places: placesOf([run]),
    extra: html`<ul class="images">${event.examples.map(
      ({ index, label, prediction, pixels }) =>
        html`<li><img src="${bitmapDataUri(Buffer.from(pixels, 'base64'), height, width, channels)}" width="84" height="84" alt="image ${index}: ${className(classNames, label)}, taken for ${className(classNames, prediction)}"><span>${className(classNames, label)} as ${className(classNames, prediction)}</span></li>`,
    )}</ul>`,
    table: {
      columns: ['image', 'true class', 'predicted', 'margin'],
      rows: event.examples.map(({ index, label, prediction, margin }) => [
        index,
        className(classNames, label),
        className(classNames, prediction),
        margin,
      ]),
    },
  };
}
