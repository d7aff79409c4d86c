/** docs/is-it-true.md names commands and the lines they print: those that are quick are run here as they stand there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { callCli } from '../cli/run-cli.js';
import { hasRealMnist, noRealMnist } from '../dataset/real-mnist.js';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/is-it-true.md'), 'utf8');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'priot-true-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const reason = hasRealMnist ? '' : ` (${noRealMnist})`;

/** The arguments of the first command on the page that begins so, its folder of runs below the scratch folder. */
function commandOnPage(begin: string): string[] {
  const command = page.split('`').find((text) => text.startsWith(`npx priot ${begin}`));
  if (command === undefined) throw new Error(`docs/is-it-true.md has no command npx priot ${begin}`);
  const words = command.split(' ').slice(2);
  return words.map((word) => (word.startsWith('runs/') ? join(scratch, word) : word));
}

test('page and README name one state', () => {
  const states = [...page.matchAll(/\b[0-9a-f]{64}\b/g), ...readme.matchAll(/\b[0-9a-f]{64}\b/g)].map(
    ([state]) => state,
  );
  expect(states).toHaveLength(2);
  expect(new Set(states).size).toBe(1);
});

test.skipIf(!hasRealMnist)(`training ends in the state and accuracy of the page${reason}`, async () => {
  const { stdout, stderr, status } = await callCli([...commandOnPage('train --device simulator'), '--json']);
  expect(status, stderr).toBe(0);
  const { stateDigest, accuracy } = JSON.parse(stdout);
  expect(page).toContain(`\`${stateDigest}\``);
  for (const text of [page, readme]) {
    expect(text).toContain(`${accuracy.before.toFixed(4)} before, ${accuracy.after.toFixed(4)} after`);
  }
});

test.skipIf(!hasRealMnist)(`the network before transfer is as accurate as the page says${reason}`, async () => {
  const { stdout, stderr, status } = await callCli(commandOnPage('eval'));
  expect(status, stderr).toBe(0);
  const [line = 'a line', correct] = /accuracy [\d.]+: (\d+) of \d+ images/.exec(stdout) ?? [];
  expect(page).toContain(`\`${line}\``);
  expect(readme).toMatch(new RegExp(`\\| before transfer \\|[^\\n]* ${(Number(correct) / 100).toFixed(1)} \\|`));
});
