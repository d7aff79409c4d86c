import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LiveServer } from '#host/report/live/live-server.js';
import { formatEvent } from '#host/runs/metrics-file.js';
import { runEvents } from '#host/runs/run-folder.js';
import { formatManifest } from '#host/runs/run-manifest.js';
import type { TrainEvent } from '#host/sessions/events.js';
import { train } from '#host/sessions/train.js';
import { uiBeside } from '#host/sessions/ui-beside.js';
import { epochEvent, sampleEvents, sampleManifest, sampleSummary, stepEvent } from '../runs/sample-run.js';
import { expectAccessible, launch, noBrowser, openPage } from './browser.js';

describe.skipIf(noBrowser !== undefined)(`the live page in Chromium${noBrowser ? `: ${noBrowser}` : ''}`, () => {
  let browser: Browser;
  let server: LiveServer;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'priot-live-'));
    for (const [name, seed, after] of [
      ['a', 0, 0.5],
      ['b', 1, 0.9],
      ['c', 2, 0.7],
    ] as const) {
      const { asked } = sampleManifest();
      const summary = { ...sampleSummary, accuracy: { ...sampleSummary.accuracy, after } };
      write(name, { asked: { ...asked, seed, angle: 30 * seed }, ...(name !== 'c' && { summary }) });
    }
    [server, browser] = await Promise.all([uiBeside({ dir: directory, port: 0 }), launch()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function write(name: string, changes: object): void {
    mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, name, 'run.json'), formatManifest(sampleManifest(changes)));
    writeFileSync(
      join(directory, name, 'metrics.jsonl'),
      sampleEvents.map((event) => `${formatEvent(event)}\n`).join(''),
    );
  }

  test('runs are sorted by a click, filtered by a word, ticked, and compared', async () => {
    const { page, complaints } = await openPage(browser, server.address);
    const names = () => page.locator('#runs tbody tr:not([hidden]) th').allTextContents();
    const head = page.locator('[data-sort]', { hasText: /^angle$/ });
    await head.click();
    expect(await names()).toEqual(['a', 'b', 'c']);
    await head.click();
    expect(await names()).toEqual(['c', 'b', 'a']);
    await page.getByLabel('Filter').fill('done');
    expect(await names()).toEqual(['b', 'a']);
    await expectAccessible(page);
    await page.getByLabel('tick a').check();
    await page.getByLabel('tick b').check();
    await page.getByRole('button', { name: 'Compare ticked runs' }).click();
    await page.locator('#accuracy').waitFor();
    expect(await page.locator('h1').textContent()).toBe('priot: 2 runs');
    await expectAccessible(page, 'structure');
    expect(complaints).toEqual([]);
  });

  test('a page follows a real session: its curve grows, its state changes, nothing is loaded anew', async () => {
    const stop = new AbortController();
    const size = { dataset: 'digits', samples: 128, epochs: 1000, evalSamples: 16, evalSource: 0 };
    const out = join(directory, 'session');
    let session!: Promise<unknown>;
    await new Promise<void>((begun) => {
      const onEvent = ({ type }: TrainEvent) => {
        if (type === 'run') begun();
      };
      session = train({ device: 'simulator', ...size, out }, { signal: stop.signal, onEvent });
    });
    const { page, complaints } = await openPage(browser, `${server.address}run?id=session`);
    await page.locator('body').evaluate((body) => body.setAttribute('data-loaded', 'once'));
    await page.getByText('session: running').waitFor();
    const rows = page.locator('#accuracy tbody tr');
    const before = await rows.count();
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBeGreaterThan(before);
    stop.abort(new Error('enough'));
    await expect(session).rejects.toThrow();
    await page.getByText('session: stopped').waitFor();
    const evaluated = [...runEvents(out)].flatMap((event) => (event.type === 'epoch' ? [event.accuracy] : []));
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(evaluated.length);
    const shown = await rows
      .locator('td[data-value]:nth-child(3)')
      .evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute('data-value'))));
    expect(shown).toEqual(evaluated);
    expect(await page.locator('body').getAttribute('data-loaded')).toBe('once');
    expect(complaints).toEqual([]);
  });

  test('a page that is open shows an evaluation when it is written, and keeps what the reader has opened', async () => {
    const { page, complaints } = await openPage(browser, `${server.address}run?id=c`);
    await page.getByText('live', { exact: true }).waitFor();
    await page.locator('#accuracy summary').click();
    const rows = page.locator('#accuracy details[open] tbody tr');
    const before = await rows.count();
    appendFileSync(join(directory, 'c', 'metrics.jsonl'), `${formatEvent(epochEvent(2, 8))}\n`);
    await expect.poll(() => rows.count(), { timeout: 10_000 }).toBe(before + 1);
    expect(await page.locator('#accuracy details').getAttribute('open')).not.toBeNull();

    // renewed again and again, as a page that is open for hours, it keeps no node and no listener of what was there
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable');
    const held = async () => {
      await devtools.send('HeapProfiler.collectGarbage');
      const { metrics } = await devtools.send('Performance.getMetrics');
      return ['Nodes', 'JSEventListeners'].map((name) => metrics.find((metric) => metric.name === name)!.value);
    };
    const [nodes, listeners] = await held();
    for (let renewal = 0; renewal < 6; renewal += 1) {
      const renewed = page.waitForResponse(/fragment/);
      appendFileSync(join(directory, 'c', 'metrics.jsonl'), `${formatEvent(stepEvent(4 + renewal))}\n`);
      await renewed;
    }
    const [nodesLater, listenersLater] = await held();
    expect(nodesLater!).toBeLessThan(nodes! * 1.5);
    expect(listenersLater!).toBeLessThanOrEqual(listeners!);
    expect(complaints).toEqual([]);
  });
});
