import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeReport } from '#host/report/report.js';
import { readReportRun } from '#host/report/report-run.js';
import type { EpochEvent, RunEvent } from '#host/runs/events.js';
import { runCli } from '../cli/run-cli.js';
import { expectAccessible, launch, noBrowser, openPage } from './browser.js';

describe.skipIf(noBrowser !== undefined)(
  `the report of an emulated run in Chromium${noBrowser ? `: ${noBrowser}` : ''}`,
  () => {
    let browser: Browser;
    let run: string;
    let folder: string;
    let report: string;
    let events: RunEvent[];

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'priot-report-'));
      run = join(folder, 'run');
      const options = ['--dataset', 'digits', '--samples', '64', '--epochs', '2', '--eval-samples', '64', '--out', run];
      const { status } = await runCli(['train', '--device', 'emulator', ...options, '--quiet']);
      expect(status).toBe(0);
      events = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      report = join(folder, 'report.html');
      writeFileSync(report, await makeReport([readReportRun(run)], { title: 'A run', madeBy: 'priot' }));
      browser = await launch();
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const address = () => pathToFileURL(report).href;

    test('every figure has its numbers as a table, and they are those of metrics.jsonl', async () => {
      const { page, complaints } = await openPage(browser, address());
      const accuracies = await page
        .locator('#accuracy tbody tr')
        .evaluateAll((rows) =>
          rows.map((row) =>
            [...row.querySelectorAll('[data-value]')]
              .slice(0, 2)
              .map((cell) => Number(cell.getAttribute('data-value'))),
          ),
        );
      const evaluated = events.filter((event): event is EpochEvent => event.type === 'epoch');
      const expected = new Map(evaluated.map(({ epoch, accuracy }) => [epoch + 1, accuracy]));
      expect(accuracies).toEqual([...expected.entries()]);
      const figures = await page.locator('section.figure').all();
      expect(figures.length).toBeGreaterThanOrEqual(6);
      for (const figure of figures) {
        expect(await figure.locator('details tbody tr').count()).toBeGreaterThan(0);
        expect(await figure.locator('h2 .place').allTextContents()).toEqual(['emulated']);
      }
      const steps = events.filter(({ type }) => type === 'step').length;
      const counted = await page
        .locator('#cycle-distribution tbody tr td:last-child')
        .evaluateAll((cells) => cells.reduce((sum, cell) => sum + Number(cell.getAttribute('data-value')), 0));
      expect(counted).toBe(steps);
      expect(complaints).toEqual([]);
    });

    test('a chart comes as an SVG file that stands by itself, and its numbers as CSV', async () => {
      const { page } = await openPage(browser, address());
      const download = async (name: string) => {
        const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
        return readFileSync(await file.path(), 'utf8');
      };
      const svg = await download('Download accuracy.svg');
      expect(svg).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<svg /);
      expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"');
      const csv = await download('Download accuracy.csv');
      expect(csv.split('\r\n')[0]).toBe('run,epoch,accuracy,lowest,highest,seeds');
    });

    test.each([
      ['light', 1000],
      ['dark', 1000],
      ['light', 360],
    ] as const)('%s, %i wide: readable for all, and nothing sticks out', async (colorScheme, width) => {
      const { page, complaints } = await openPage(browser, address(), { colorScheme, width });
      // one table open: they are all made alike, and rules on thousands of cells take minutes
      await page.locator('#accuracy summary').click();
      await expectAccessible(page);
      expect(await page.locator('html').evaluate((element) => element.scrollWidth)).toBeLessThanOrEqual(width);
      expect(complaints).toEqual([]);
    });
  },
);
