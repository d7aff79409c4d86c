/** A report as one HTML document that needs nothing else: figures, tables, and how to repeat the runs. */
import type { RunSummary } from '../runs/run-manifest.js';
import type { AnyFigure, Cell, FigureTable } from './figure.js';
import { Html, html } from './html.js';
import type { ReportRun } from './report-run.js';

/** What a page is made of besides its runs. */
export interface PageParts {
  readonly title: string;
  readonly figures: readonly AnyFigure[];
  /** Text of the style sheet and of the script, put into the page. */
  readonly style: string;
  readonly script: string;
  /** `priot VERSION`, and the time, for the foot. */
  readonly madeBy: string;
}

/** Returns the document. */
export function reportPage(runs: readonly ReportRun[], parts: PageParts): string {
  const { title, figures, style, script, madeBy } = parts;
  const shown = figures.filter((figure) => !('missing' in figure));
  const missing = figures.filter((figure) => 'missing' in figure);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header>
<h1>${title}</h1>
<p>${placesSentence(runs)}</p>
${problemsList(runs)}
</header>
<nav aria-label="Figures"><ul>${figures
    .filter((figure) => !('missing' in figure))
    .map(
      (figure) => html`<li><a href="#${figure.id}">${figure.title}</a></li>`,
    )}<li><a href="#provenance">Provenance</a></li></ul></nav>
<main id="main">
<section aria-labelledby="summary-title"><h2 id="summary-title">Summary</h2>${summaryTable(runs)}</section>
${shown.map(figureSection)}
${missing.length > 0 && html`<section aria-labelledby="missing-title"><h2 id="missing-title">Not recorded</h2><ul>${missing.map((figure) => html`<li>${figure.title}: ${'missing' in figure && figure.missing}</li>`)}</ul></section>`}
${provenanceSection(runs)}
</main>
<footer><p>${madeBy}</p></footer>
<script>${new Html(script)}</script>
</body>
</html>
`;
  return page.text;
}

/** Returns the section of a figure: heading, places, chart, table and download buttons. */
export function figureSection(figure: AnyFigure): Html {
  if ('missing' in figure) return html`<p>${figure.title}: ${figure.missing}</p>`;
  const { id, title, description, places, chart, table, extra } = figure;
  return html`<section class="figure" id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title} ${places.map(placeBadge)}</h2>
<p>${description}</p>
${chart !== undefined && html`<figure class="chart" tabindex="0" aria-label="${title}, chart">${new Html(chart)}</figure>`}
${extra}
<p class="downloads" hidden>${chart !== undefined && html`<button type="button" data-svg="${id}">Download ${id}.svg</button>`} <button type="button" data-csv="${id}">Download ${id}.csv</button></p>
<details><summary>${title}: numbers</summary>${tableOf(table, `${title}, numbers`)}</details>
</section>`;
}

/** Returns a label that says where numbers were measured. */
export function placeBadge(place: string): Html {
  return html`<span class="place place-${place}">${place}</span>`;
}

function tableOf({ columns, rows }: FigureTable, caption: string): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${row.map(cellOf)}</tr>`)}</tbody></table></div>`;
}

function cellOf(value: Cell): Html {
  if (value === null) return html`<td class="absent">-</td>`;
  if (typeof value === 'string') return html`<td>${value}</td>`;
  return html`<td class="number" data-value="${value}">${numberText(value)}</td>`;
}

function numberText(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(Math.abs(value) < 10 ? 4 : 1);
}

function placesSentence(runs: readonly ReportRun[]): string {
  const places = [...new Set(runs.map(({ place }) => place))];
  const count = runs.length === 1 ? 'One run' : `${runs.length} runs`;
  return `${count}, ${places.join(' and ')}. Every figure says where its numbers were measured.`;
}

function problemsList(runs: readonly ReportRun[]): Html | false {
  const problems = runs.flatMap((run) => run.problems.map((problem) => `${run.name}: ${problem}`));
  return (
    problems.length > 0 &&
    html`<ul class="problems" role="alert">${problems.map((problem) => html`<li>${problem}</li>`)}</ul>`
  );
}

function summaryTable(runs: readonly ReportRun[]): Html {
  const table: FigureTable = {
    columns: [
      'run',
      'place',
      'method',
      'data',
      'angle',
      'seed',
      'steps',
      'before',
      'after',
      'cycles per step',
      'state',
    ],
    rows: runs.map(({ name, place, manifest, account }): Cell[] => {
      const { asked } = manifest;
      const summary: RunSummary | undefined = manifest.summary;
      return [
        name,
        place,
        asked.method,
        asked.dataset,
        asked.angle,
        asked.seed,
        account.metrics().steps,
        summary?.accuracy.before ?? null,
        summary?.accuracy.after ?? null,
        summary?.cyclesPerStep?.mean === undefined ? null : Math.round(summary.cyclesPerStep.mean),
        summary?.stateDigest.slice(0, 12) ?? 'not done',
      ];
    }),
  };
  return tableOf(table, 'Runs of this page');
}

function provenanceSection(runs: readonly ReportRun[]): Html {
  return html`<section id="provenance" aria-labelledby="provenance-title"><h2 id="provenance-title">Provenance</h2>
${runs.map((run) => html`<h3>${run.name}</h3>${tableOf({ columns: ['what', 'value'], rows: provenanceRows(run) }, `Provenance of ${run.name}`)}`)}</section>`;
}

function provenanceRows({ path, manifest }: ReportRun): Cell[][] {
  const { asked, provenance, createdAt, place, summary } = manifest;
  const { firmware, device, host, network, dataset } = provenance;
  return [
    ['repeat it', `priot train --from-run ${path}`],
    ['command', `priot ${manifest.command.join(' ')}`],
    ['created', createdAt],
    ['place', place],
    ...Object.entries(asked).map(([key, value]): Cell[] => [
      `asked: ${key}`,
      value === null ? 'default' : String(value),
    ]),
    ['device', `${device.name}, board ${device.boardId}${device.emulator === undefined ? '' : `, ${device.emulator}`}`],
    ['clock, Hz', device.clockHz],
    ['firmware', `${firmware.commit}, ${firmware.compiler}, ${firmware.flags}`],
    ['firmware image, SHA-256', firmware.imageSha256],
    ['host', `priot ${host.priot}, node ${host.node}, ${host.system}`],
    ['data', dataset.source],
    ...dataset.files.map(({ name, sha256 }): Cell[] => [`data: ${name}`, sha256]),
    ...network.files.map(({ name, sha256 }): Cell[] => [`network: ${name}`, sha256]),
    ['session', provenance.sessionId],
    ['learned state, SHA-256', summary?.stateDigest ?? null],
  ];
}
