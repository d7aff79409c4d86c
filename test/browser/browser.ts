/** A real browser for tests of pages: Debian's Chromium, driven by playwright-core. */
import { existsSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Why browser tests are skipped; undefined where there is a browser. */
export const noBrowser =
  executablePath === undefined ? 'there is no Chromium here: Debian has it as the package chromium' : undefined;

/** Starts the browser; it looks up and fetches nothing of its own. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executablePath!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface WatchedPage {
  page: Page;
  /** Everything that went wrong: errors, console messages of that kind, requests to elsewhere. */
  complaints: string[];
}

/** Opens a page and notes every error, and every request that is neither a file, data nor of the origin given. */
export async function openPage(browser: Browser, address: string): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, acceptDownloads: true });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(new URL(address).origin) && !/^(file|data|blob):/.test(url))
      complaints.push(`request of ${url}`);
  });
  await page.goto(address);
  return { page, complaints };
}

/**
 * Fails with the rules that a page breaks for people who use a screen reader or a keyboard.
 * @param rules only these; `structure` means all that need no colours, which take most of the time
 */
export async function expectAccessible(page: Page, rules?: string[] | 'structure'): Promise<void> {
  const builder = new AxeBuilder({ page });
  // marks of a chart have no text: the rules hold for the chart as a whole, and for its letters
  builder.exclude('svg.plot :is(path, rect, line, circle)');
  if (rules === 'structure') builder.disableRules(['color-contrast']);
  else if (rules !== undefined) builder.withRules(rules);
  const { violations } = await builder.analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}
