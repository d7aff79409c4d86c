// Takes the pictures of docs/runs.md: make screenshots. Trains a small run on the emulated Pico, measures the plain
// kernels for its yardstick, and shows report and live page in Chromium, in light and in dark, wide and narrow.
// node scripts/screenshots.mjs [FOLDER] puts all of them, whole pages, and the page as it prints, into FOLDER instead.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const main = resolve('dist/host/cli/main.js');
const [whole] = process.argv.slice(2);
const out = resolve(whole ?? 'docs/images');
const SIZE = ['--dataset', 'digits', '--eval-samples', '200', '--samples', '128'];
/** What of a page is shown: the pictures in docs/ stay small. */
const HEIGHTS = { wide: 1050, narrow: 800 };

/** Runs priot and returns what it printed on standard output. */
function priot(...words) {
  const { status, stdout } = spawnSync(process.execPath, [main, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

async function shoot(browser, address, name, width, colorScheme) {
  const height = width < 600 ? HEIGHTS.narrow : HEIGHTS.wide;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(address);
  await page.locator('main').waitFor();
  const file = `${name}-${width}-${colorScheme}`;
  await page.screenshot({ path: join(out, `${file}.png`), fullPage: whole !== undefined, animations: 'disabled' });
  if (whole !== undefined && colorScheme === 'light' && width > 600) {
    await page.pdf({ path: join(out, `${name}.pdf`), format: 'A4', preferCSSPageSize: true });
  }
  await page.close();
}

/** Starts priot ui over a folder; gives its address and what ends it. */
async function serve(folder) {
  const child = spawn(process.execPath, [main, 'ui', folder, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const piece of child.stdout.setEncoding('utf8')) {
    const address = /http:\/\/127\.0\.0\.1:\d+\//.exec(piece)?.[0];
    if (address !== undefined) return { address, stop: () => child.kill('SIGINT') };
  }
  throw new Error('priot ui did not start');
}

const work = mkdtempSync(join(tmpdir(), 'priot-screenshots-'));
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
try {
  const runs = join(work, 'runs');
  const shown = join(runs, 'emulated-45');
  priot('train', '--device', 'emulator', ...SIZE, '--epochs', '6', '--angle', '45', '--out', shown, '--quiet');
  for (const [angle, seed] of [30, 60].flatMap((degrees) => [0, 1].map((number) => [degrees, number]))) {
    const name = join(runs, 'angles', `${angle}-${seed}`);
    const varied = ['--angle', String(angle), '--seed', String(seed), '--epochs', '4', '--out', name];
    priot('train', '--device', 'simulator', ...SIZE, ...varied, '--quiet');
  }
  const bench = join(work, 'bench.json');
  writeFileSync(
    bench,
    priot(
      'bench',
      '--device',
      'emulator',
      '--kernels',
      'fastest,plain',
      '--dataset',
      'digits',
      '--steps',
      '16',
      '--method',
      'priot',
      '--json',
    ),
  );
  const report = join(work, 'report.html');
  priot('report', shown, '--bench', bench, '--out', report);
  const { address, stop } = await serve(runs);
  const live = `${address}folder?of=angles`;
  // the pictures of docs/: one of each kind
  const pictures = [
    [`${pathToFileURL(report).href}#layers`, 'report', 1280, 'light'],
    [pathToFileURL(report).href, 'report', 360, 'dark'],
    [live, 'live', 1280, 'dark'],
    [live, 'live', 360, 'light'],
  ];
  const all = ['light', 'dark'].flatMap((scheme) =>
    [1280, 360].flatMap((width) => [
      [pathToFileURL(report).href, 'report', width, scheme],
      [live, 'live', width, scheme],
      [address, 'list', width, scheme],
    ]),
  );
  for (const picture of whole === undefined ? pictures : all) await shoot(browser, ...picture);
  stop();
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
