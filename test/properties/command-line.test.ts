import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { ExitStatus } from '#host/cli/exit-status.js';

const runner = join(import.meta.dirname, 'many-command-lines.mjs');

/** Nothing here is a device, a network, a run or a folder of data, so no command has anything to work on. */
const hostileValue = fc.oneof(
  fc.constantFrom('', '-1', '0', '1', '1e9', 'NaN', '0x10', '--', '-', '..', '/', '/dev/null', '/dev/none', 'file'),
  fc.constantFrom('__proto__', 'constructor', 'niti', 'mnist', 'negate:all', 'a\u0000b', '\u{1F980}', 'COM99', '99999'),
  fc.string({ maxLength: 20 }),
);

const options = [
  ...['--device', '--model', '--dataset', '--data-dir', '--angle', '--method', '--samples', '--epochs', '--seed'],
  ...['--eval-samples', '--out', '--resume', '--from-run', '--json', '--quiet', '--cases', '--run', '--state'],
  ...['--architecture', '--batch-size', '--mu', '--score-mu', '--below-threshold', '--firmware', '--drive', '--baud'],
  ...['--from', '--faults', '--help', '--version', '--unknown', '-x'],
];

/** Each with arguments that keep it from real work, should nothing of what follows be wrong. */
const commands = [
  ['train', '--model', 'none', '--data-dir', 'none'],
  ['eval', '--model', 'none', '--data-dir', 'none'],
  ['calibrate', '--model', 'none', '--data-dir', 'none'],
  ['pretrain', '--architecture', 'none', '--data-dir', 'none'],
  ['verify', '--cases', 'none'],
  ['data', 'fetch', 'mnist', '--from', 'none'],
  ['data', 'list'],
  ['runs', 'list'],
  ['runs', 'show'],
  ['runs', 'compare'],
  ['runs', 'export', 'csv'],
  ['runs', 'export', 'tensorboard'],
  ['monitor', '/dev/none'],
  ['flash', '--device', '/dev/none'],
  [],
];

const commandLine = fc
  .tuple(
    fc.constantFrom(...commands),
    fc.array(fc.oneof(fc.tuple(fc.constantFrom(...options), hostileValue), fc.tuple(hostileValue)), { maxLength: 5 }),
  )
  .map(([command, rest]) => [...command, ...rest.flat()])
  .filter((line) => !line.includes('emulator') && !line.includes('simulator'));

interface Result {
  status: number | null;
  stderr: string;
}

async function run(commandLines: readonly string[][], folder: string): Promise<Result[]> {
  const child = spawn(process.execPath, [runner], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: folder, PRIOT_DATA: folder },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(commandLines));
  return (await json(child.stdout)) as Result[];
}

test('any command line ends with a documented status and without a stack trace', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'priot-command-line-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'file'), 'no run, no network, no data set');
  const lines = fc.sample(commandLine, { numRuns: 400, seed: 20 });
  const results = await run(lines, folder);
  expect(results).toHaveLength(lines.length);
  const statuses: readonly (number | null)[] = Object.values(ExitStatus).filter(
    (status) => status !== ExitStatus.failed,
  );
  for (const [index, { status, stderr }] of results.entries()) {
    const said = `priot ${JSON.stringify(lines[index])}\n${stderr}`;
    expect(statuses, said).toContain(status);
    expect(stderr, said).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
    if (status !== ExitStatus.done) expect(stderr, said).toMatch(/^(error|Usage): /m);
  }
  expect(readdirSync(folder).filter((name) => name !== 'file')).toEqual([]);
});
