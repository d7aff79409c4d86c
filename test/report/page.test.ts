import { appendFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { escapeHtml, html } from '#host/report/html.js';
import { makeReport } from '#host/report/report.js';
import { readReportRun } from '#host/report/report-run.js';
import type { RunEvent } from '#host/runs/events.js';
import { formatEvent } from '#host/runs/metrics-file.js';
import { runEvents } from '#host/runs/run-folder.js';
import { formatManifest } from '#host/runs/run-manifest.js';
import { train } from '#host/sessions/train.js';
import { sampleEvents, sampleManifest, sampleSummary, temporaryFolder } from '../runs/sample-run.js';

const parts = { title: 'A report', madeBy: 'priot 0' };

function runFolder(name: string, events: readonly RunEvent[] = sampleEvents, changes = {}): string {
  const path = join(temporaryFolder(), name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'run.json'), formatManifest(sampleManifest({ summary: sampleSummary, ...changes })));
  writeFileSync(join(path, 'metrics.jsonl'), events.map((event) => `${formatEvent(event)}\n`).join(''));
  return path;
}

test('everything put into HTML is escaped, but for HTML itself', () => {
  expect(escapeHtml(`<a href='x'>&"\u0000`)).toBe('&lt;a href=&#39;x&#39;&gt;&amp;&quot;\ufffd');
  expect(html`<b>${['<', html`<i>${'>'}</i>`, 1, null, false]}</b>`.text).toBe('<b>&lt;<i>&gt;</i>1</b>');
});

test('a report shows the numbers of its run, says where they were measured, and asks no one for anything', async () => {
  const page = await makeReport([readReportRun(runFolder('a-run'))], parts);
  expect(page).toContain('a-run');
  expect(page).toContain('place-emulated');
  // the accuracies of sampleEvents: 4, 7 and 6 of 8
  for (const accuracy of [0.5, 0.875, 0.75]) expect(page).toContain(`data-value="${accuracy}"`);
  expect(page).toContain('priot train --from-run');
  expect(page).not.toMatch(/(?:src|href|action)="(?!#|data:|http:\/\/www\.w3\.org)/);
  const addresses = page.match(/https?:\/\/[^"<\s]+/g) ?? [];
  expect(addresses.filter((address) => !address.startsWith('http://www.w3.org/'))).toEqual([]);
});

test('a run of an older priot makes a report that says what it lacks', async () => {
  const page = await makeReport([readReportRun(runFolder('old'))], parts);
  expect(page).toContain('Not recorded');
  expect(page).toMatch(/Confusion matrix: this run records no predictions/);
  expect(page).toMatch(/Scores per layer: this run records no scores/);
});

test('a real run without the events that came later makes a report that says what it lacks', async () => {
  const path = runFolder('before');
  await train({
    device: 'simulator',
    dataset: 'digits',
    samples: 16,
    evalSamples: 16,
    evalSource: 0,
    out: join(path, 'now'),
  });
  const added = ['scores', 'confusion', 'mistakes', 'layers', 'initial'];
  const kept = [...runEvents(join(path, 'now'))].filter(({ type }) => !added.includes(type));
  writeFileSync(join(path, 'now', 'metrics.jsonl'), kept.map((event) => `${formatEvent(event)}\n`).join(''));
  const run = readReportRun(join(path, 'now'));
  expect(run.problems).toEqual([]);
  const page = await makeReport([run], parts);
  for (const lacking of [
    'Scores per layer',
    'Edges below the threshold',
    'Confusion matrix',
    'Images it gets most wrong',
  ]) {
    expect(page).toMatch(new RegExp(`<li>${lacking}[^<]*: this run records no `));
  }
  expect(page).toContain('Accuracy over epochs');
});

test('names and messages are text, never markup', async () => {
  const evil = '<script>alert(1)</script>';
  const path = runFolder('"><img src=x onerror=alert(1)>', [
    ...sampleEvents,
    { type: 'fault', code: evil, message: evil, step: 1 },
  ]);
  const page = await makeReport([readReportRun(path)], { ...parts, title: evil });
  expect(page).not.toContain(evil);
  expect(page).not.toContain('<img src=x');
});

test('metrics that are damaged count up to the damage, and the page says where it is', async () => {
  const path = runFolder('damaged');
  writeFileSync(join(path, 'metrics.jsonl'), `${formatEvent(sampleEvents[1]!)}\n{"type":"step"\n`);
  const run = readReportRun(path);
  expect(run.problems).toEqual([expect.stringMatching(/metrics\.jsonl:2: not JSON; what is shown is up to there/)]);
  expect(await makeReport([run], parts)).toContain('metrics.jsonl:2');
});

test('a last line that is torn is left out: its run goes on, or was cut off', () => {
  const path = runFolder('torn');
  appendFileSync(join(path, 'metrics.jsonl'), '{"type":"epoch","epo');
  const run = readReportRun(path);
  expect(run.problems).toEqual([]);
  expect(run.account.metrics().steps).toBe(4);
});

test('run.json of another version, and one that is a link out of the folder, are refused by name', () => {
  const newer = runFolder('newer');
  writeFileSync(join(newer, 'run.json'), '{"version": 99}');
  expect(() => readReportRun(newer)).toThrow(/has version 99/);

  const borrowed = join(temporaryFolder(), 'borrowed');
  mkdirSync(borrowed);
  symlinkSync(join(runFolder('other'), 'run.json'), join(borrowed, 'run.json'));
  expect(() => readReportRun(borrowed)).toThrow(/run\.json is a link out of the run folder/);
});

test('wrong images come with their margin; a run whose firmware told none says so', async () => {
  const picture = { index: 3, label: 0, prediction: 1, pixels: Buffer.alloc(4).toString('base64') };
  const pageOf = (margin: number | null) => {
    const mistakes = {
      epoch: 0,
      imageSet: 'squares',
      height: 2,
      width: 2,
      channels: 1,
      examples: [{ ...picture, margin }],
    };
    const path = runFolder('wrong', [...sampleEvents, { type: 'mistakes', ...mistakes }]);
    return makeReport([readReportRun(path)], parts);
  };
  expect(await pageOf(812)).toContain('data-value="812"');
  expect(await pageOf(null)).toContain('their margins were not recorded');
});

test('metrics of two gigabytes are not read, nor is a link out of the folder', () => {
  const large = runFolder('large');
  truncateSync(join(large, 'metrics.jsonl'), 2 ** 31);
  expect(readReportRun(large).problems).toEqual([expect.stringMatching(/2,147,483,648 bytes/)]);

  const linked = join(temporaryFolder(), 'linked');
  mkdirSync(linked);
  writeFileSync(join(linked, 'run.json'), formatManifest(sampleManifest()));
  symlinkSync('/etc/passwd', join(linked, 'metrics.jsonl'));
  expect(readReportRun(linked).problems).toEqual([expect.stringMatching(/link out of the run folder/)]);
});

test('figures of runs that differ in their seed alone are means with a spread', async () => {
  const [first, second] = [runFolder('first'), runFolder('second', sampleEvents.slice(0, 5), {})];
  const page = await makeReport([readReportRun(first), readReportRun(second)], parts);
  expect(page).toContain('Lines are means over seeds');
});
