/** The pages of the live view as HTML: the list of runs, one run, several side by side. No script stands in them. */
import type { AnyFigure, Cell } from '../figure.js';
import { Html, html } from '../html.js';
import { figureSection, placeBadge } from '../page.js';
import type { IndexedRun } from './run-index.js';

/** Puts the content of a page into the document around it. `follow`: ids whose changes renew it; empty: any change. */
export function document(title: string, follow: readonly string[], fragment: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
<script src="/live.js" defer></script>
</head>
<body data-fragment="${fragment}" data-follow="${JSON.stringify(follow)}">
<a class="skip" href="#main">Skip to the content</a>
<header><h1>${title}</h1><p><a href="/">All runs</a> <span id="connection" role="status">connecting</span></p></header>
<main id="main">${content}</main>
</body>
</html>
`.text;
}

/** Columns that every list has; those of settings that differ come after `method`. */
const fixedSettings: ReadonlySet<string> = new Set(['method', 'seed', 'device', 'dataDir']);

/** Returns the list of runs: a table whose heads sort it, with a tick per run to compare. */
export function runList(runs: readonly IndexedRun[]): Html {
  if (runs.length === 0) return html`<p>There are no runs here yet. <code>priot train</code> makes one.</p>`;
  const settings = differingSettings(runs);
  const columns = [
    'run',
    'state',
    'place',
    'method',
    ...settings,
    'seed',
    'before',
    'after',
    'cycles per step',
    'created',
  ];
  return html`${folderLinks(runs)}<form id="compare" action="/compare" method="get">
<p><label>Filter <input type="search" id="filter" autocomplete="off"></label>
<button type="submit">Compare ticked runs</button> <span id="count" role="status">${runs.length} runs</span></p>
<div class="scroll" tabindex="0" role="region" aria-label="Runs"><table id="runs">
<caption>Runs, the newest first. A click on a head sorts by it.</caption>
<thead><tr><th scope="col">tick</th>${columns.map((column) => html`<th scope="col"><button type="button" data-sort>${column}</button></th>`)}</tr></thead>
<tbody>${runs.map((run) => runRow(run, settings))}</tbody></table></div></form>`;
}

/** Links to the folders that hold several runs: a sweep's cells lie in one. */
function folderLinks(runs: readonly IndexedRun[]): Html | false {
  const counts = new Map<string, number>();
  for (const { id } of runs) {
    const folder = id.split('/').slice(0, -1).join('/');
    if (folder !== '') counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const several = [...counts.entries()].filter(([, count]) => count > 1);
  if (several.length === 0) return false;
  return html`<p>Folders: ${several.map(([folder, count]) => html`<a href="/folder?of=${encodeURIComponent(folder)}">${folder}</a> (${count}) `)}</p>`;
}

function runRow(run: IndexedRun, settings: readonly string[]): Html {
  const { id, manifest, state } = run;
  if (manifest === undefined) {
    return html`<tr><td></td><td>${id}</td><td>damaged</td><td colspan="${settings.length + 7}">${run.problem}</td></tr>`;
  }
  const { asked, place, summary, createdAt } = manifest;
  const values = asked as unknown as Readonly<Record<string, unknown>>;
  const cells: Cell[] = [
    asked.method,
    ...settings.map((name): Cell => cellOf(values[name])),
    asked.seed,
    summary?.accuracy.before ?? null,
    summary?.accuracy.after ?? null,
    summary?.cyclesPerStep == null ? null : Math.round(summary.cyclesPerStep.mean),
    createdAt.slice(0, 19).replace('T', ' '),
  ];
  return html`<tr><td><input type="checkbox" name="run" value="${id}" aria-label="tick ${id}"></td><th scope="row"><a href="/run?id=${encodeURIComponent(id)}">${id}</a></th><td>${state}</td><td>${placeBadge(place)}</td>${cells.map(listCell)}</tr>`;
}

function cellOf(value: unknown): Cell {
  return typeof value === 'number' || typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? null
      : String(value);
}

function listCell(value: Cell): Html {
  if (value === null) return html`<td class="absent">-</td>`;
  if (typeof value === 'string') return html`<td>${value}</td>`;
  const text = Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(4);
  return html`<td class="number" data-value="${value}">${text}</td>`;
}

function differingSettings(runs: readonly IndexedRun[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const { manifest } of runs) {
    for (const [key, value] of Object.entries(manifest?.asked ?? {})) {
      if (!fixedSettings.has(key)) values.set(key, (values.get(key) ?? new Set()).add(String(value)));
    }
  }
  const known = runs.filter(({ manifest }) => manifest !== undefined);
  const everywhere = (key: string) => known.every(({ manifest }) => key in manifest!.asked);
  return [...values.entries()].filter(([key, set]) => set.size > 1 || !everywhere(key)).map(([key]) => key);
}

/** Returns figures, what is not recorded, and problems of the runs. */
export function figuresContent(figures: readonly AnyFigure[], problems: readonly string[], links: Html): Html {
  const shown = figures.filter((figure) => !('missing' in figure));
  const missing = figures.filter((figure) => 'missing' in figure);
  return html`${links}${problems.length > 0 && html`<ul class="problems">${problems.map((problem) => html`<li>${problem}</li>`)}</ul>`}
${shown.map(figureSection)}
${missing.length > 0 && html`<section><h2>Not recorded</h2><ul>${missing.map((figure) => html`<li>${figure.title}: ${'missing' in figure && figure.missing}</li>`)}</ul></section>`}`;
}

/** Returns a page that says what went wrong. */
export function errorPage(status: number, text: string): string {
  return document(`${status}`, [], '', new Html(html`<p>${text}</p>`.text));
}
