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
export async function openPage(
  browser: Browser,
  address: string,
  options: { width?: number; colorScheme?: 'light' | 'dark' } = {},
): Promise<WatchedPage> {
  const { width = 1000, colorScheme = 'light' } = options;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, acceptDownloads: true });
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

/** Fails with the rules that a page breaks for people who use a screen reader or a keyboard. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}
