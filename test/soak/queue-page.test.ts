/** `priot ui --queue` in a browser, while a worker trains. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fleet, sweep, ui, worker } from '#host/index.js';
import { launch, noBrowser, openPage } from '../browser/browser.js';
import { RedisServer } from '../fleet/redis-server.js';

const MINUTE_MS = 60_000;

it.skipIf(noBrowser !== undefined)(
  `the page of a queue follows a cell from its first checkpoint to its end${noBrowser ? `: ${noBrowser}` : ''}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'priot-page-'));
    const redis = await RedisServer.start();
    const queue = redis.url;
    const file = join(folder, 'page.yaml');
    const session = 'dataset: digits, samples: 256, eval_samples: 32, eval_source: 0, epochs: 120';
    writeFileSync(file, `name: page\nparameters: {${session}, seed: [0, 1]}\n`);
    const stop = new AbortController();
    const server = await ui({ queue, port: 0 });
    const browser = await launch();
    try {
      const working = worker({ queue, uploadSeconds: 0, dir: join(folder, 'work') }, { signal: stop.signal });
      const sweeping = sweep({ file, queue, out: join(folder, 'out') });
      const { page, complaints } = await openPage(browser, server.address);
      await page.locator('body').evaluate((body) => body.setAttribute('data-loaded', 'once'));
      const runs = page.locator('#runs tbody tr');
      const waiting = { timeout: MINUTE_MS };
      await expect.poll(() => runs.filter({ hasText: 'running' }).count(), waiting).toBe(1);
      const first = await runs.locator('th').first().textContent();
      const run = await openPage(browser, `${server.address}run?id=${first}`);
      await run.page.getByText(': running').waitFor();
      const points = run.page.locator('#accuracy tbody tr');
      const before = await points.count();
      await expect.poll(() => points.count(), waiting).toBeGreaterThan(before);
      await sweeping;
      await expect.poll(() => runs.filter({ hasText: 'done' }).count(), waiting).toBe(2);
      await run.page.getByText(': done').waitFor(waiting);
      expect(await page.locator('body').getAttribute('data-loaded')).toBe('once');
      expect((await fleet({ queue })).cells.map(({ state }) => state)).toEqual(['done', 'done']);
      expect([...complaints, ...run.complaints]).toEqual([]);
      stop.abort(new Error('seen'));
      await working;
    } finally {
      stop.abort(new Error('over'));
      await browser.close();
      await server.close();
      await redis.remove();
      rmSync(folder, { recursive: true });
    }
  },
  5 * MINUTE_MS,
);
