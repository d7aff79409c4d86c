import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeReport } from '#host/report/report.js';
import { readReportRun } from '#host/report/report-run.js';
import type { RunEvent } from '#host/runs/events.js';
import { runEvents } from '#host/runs/run-folder.js';
import { train } from '#host/sessions/train.js';
import { expectAccessible, launch, noBrowser, openPage, type WatchedPage } from './browser.js';

describe.skipIf(noBrowser !== undefined)(
  `the report of an emulated run in Chromium${noBrowser ? `: ${noBrowser}` : ''}`,
  () => {
    const size = { dataset: 'digits', samples: 48, epochs: 2, evalSamples: 32, evalSource: 16 };
    let browser: Browser;
    let run: string;
    let folder: string;
    let report: string;
    let events: RunEvent[];

    let watched: WatchedPage;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'priot-report-'));
      run = join(folder, 'run');
      const [opened] = await Promise.all([launch(), train({ device: 'emulator', ...size, out: run })]);
      browser = opened;
      events = [...runEvents(run)];
      report = join(folder, 'report.html');
      const yardstick = [{ layer: 'conv1', phase: 'forward', cycles: 534_131 }];
      writeFileSync(report, await makeReport([readReportRun(run)], { title: 'A run', madeBy: 'priot', yardstick }));
      watched = await openPage(browser, pathToFileURL(report).href);
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const find = <T extends RunEvent['type']>(type: T) =>
      events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
    /** The rows of a figure's table: exact numbers, and text where there is none. */
    const rowsOf = (id: string) =>
      watched.page
        .locator(`#${id} tbody tr`)
        .evaluateAll((rows) =>
          rows.map((row) =>
            [...row.children].map((cell) =>
              cell.hasAttribute('data-value') ? Number(cell.getAttribute('data-value')) : cell.textContent,
            ),
          ),
        );

    test('every figure is drawn, has a table, and says where it was measured', async () => {
      const figures = await watched.page.locator('section.figure').all();
      const ids = await Promise.all(figures.map((figure) => figure.getAttribute('id')));
      expect(ids).toEqual(
        ['accuracy', 'training', 'cycles', 'cycle-distribution', 'cycle-shares', 'layers', 'memory', 'flash']
          .concat(['scores', 'pruned', 'confusion', 'mistakes', 'link'])
          .map((id) => expect.stringMatching(id)),
      );
      for (const [index, figure] of figures.entries()) {
        expect(await figure.locator('details tbody tr').count()).toBeGreaterThan(0);
        expect(await figure.locator('h2 .place').allTextContents()).toEqual(['emulated']);
        const drawn = figure.locator(ids[index] === 'mistakes' ? 'img' : 'svg.plot :is(path, rect, line, circle)');
        expect(await drawn.count()).toBeGreaterThan(0);
      }
      expect(watched.complaints).toEqual([]);
    });

    test('the numbers of the figures are those of metrics.jsonl', async () => {
      const accuracies = (await rowsOf('accuracy')).map((row) => row.filter((cell) => typeof cell === 'number'));
      const evaluated = new Map(find('epoch').map(({ epoch, accuracy }) => [epoch + 1, accuracy]));
      expect(accuracies.map(([epoch, accuracy]) => [epoch, accuracy])).toEqual([...evaluated]);

      const steps = find('step');
      const sum = (rows: (number | string | null)[][], column: number) =>
        rows.reduce((total, row) => total + Number(row[column]), 0);
      expect(sum(await rowsOf('cycle-distribution'), 3)).toBe(steps.length);
      const series = await rowsOf('cycles');
      expect(sum(series, 2)).toBe(steps.length);
      expect(Math.max(...series.map((row) => Number(row[5])))).toBe(Math.max(...steps.map(({ cycles }) => cycles!)));

      const { layers } = find('layers').at(-1)!;
      const measured = (await rowsOf('layers')).filter(([from]) => from === 'run');
      const booked = layers.flatMap(({ name, cycles }) => Object.entries(cycles).map(([phase, c]) => [name, phase, c]));
      expect(measured.map(([, layer, phase, cycles]) => [layer, phase, cycles])).toEqual(
        booked.filter(([, , cycles]) => Number(cycles) > 0),
      );
      expect(await rowsOf('layers')).toContainEqual(['plain C', 'conv1', 'forward', 534_131, '-']);

      const memory = find('memory').at(-1)!;
      expect((await rowsOf('memory'))[0]!.at(-1)).toBe(270_336);
      const { code, static: staticBytes, arena } = memory;
      expect((await rowsOf('memory'))[0]!.slice(1, 8)).toEqual(
        [code!, staticBytes! - code!].concat(Object.values(arena)),
      );
      expect((await rowsOf('flash'))[0]!.slice(1, 3)).toEqual([memory.flashImage, memory.flash! - memory.flashImage!]);

      const confusion = find('confusion').at(-1)!;
      expect((await rowsOf('confusion')).map((row) => row.slice(1))).toEqual(confusion.counts);
      const wrong = find('mistakes')
        .at(-1)!
        .examples.map(({ index, margin }) => [index, margin]);
      expect((await rowsOf('mistakes')).map((row) => [row[0], row.at(-1)])).toEqual(wrong);
      expect(wrong.every(([, margin]) => margin! > 0)).toBe(true);
      const links = find('link').map(({ frames, crcErrors }) => [frames, crcErrors]);
      expect((await rowsOf('link')).map((row) => row.slice(2, 4))).toEqual(links);
    });

    test('the simulator tells the same margins of the same wrong images', async () => {
      const twin = join(folder, 'simulated');
      await train({ device: 'simulator', ...size, out: twin });
      const simulated = [...runEvents(twin)].findLast((event) => event.type === 'mistakes');
      expect(simulated!.examples).toEqual(find('mistakes').at(-1)!.examples);
    });

    test('a chart comes as an SVG file that stands by itself, and its numbers as CSV', async () => {
      const { page } = watched;
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

    test('readable for all, light and dark, and nothing sticks out at 360 pixels', async () => {
      const { page, complaints } = watched;
      // one table open: they are all made alike, and rules on thousands of cells take minutes
      await page.locator('#accuracy summary').click();
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: 'dark' });
      await expectAccessible(page, ['color-contrast']);
      await page.setViewportSize({ width: 360, height: 800 });
      await expectAccessible(page, ['scrollable-region-focusable', 'target-size']);
      expect(await page.locator('html').evaluate((element) => element.scrollWidth)).toBeLessThanOrEqual(360);
      expect(complaints).toEqual([]);
    });

    test('printed on A4 it is the figures without what only a screen needs', async () => {
      const { page } = watched;
      await page.emulateMedia({ media: 'print', colorScheme: 'light' });
      expect(await page.locator('.downloads:visible, details:visible, nav:visible').count()).toBe(0);
      expect(await page.locator('section.figure svg.plot:visible').count()).toBeGreaterThan(9);
      // 180 mm between the margins
      await page.setViewportSize({ width: 680, height: 900 });
      expect(await page.locator('html').evaluate((element) => element.scrollWidth)).toBeLessThanOrEqual(680);
      const pdf = await page.pdf({ preferCSSPageSize: true });
      // 210 x 297 mm in points
      expect(pdf.toString('latin1')).toMatch(/\/MediaBox ?\[ ?0 0 59[45](\.\d+)? 84[12](\.\d+)?\]/);
      await page.emulateMedia({ media: 'screen' });
    });
  },
);
