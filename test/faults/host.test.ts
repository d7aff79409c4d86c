import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CliResult, callCli, runCli } from '../cli/run-cli.js';
import { trainOnFullDisk } from './full-disk.js';
import { SESSION, trainAndKill } from './killed-run.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-host-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let whole: CliResult;
let digest: string;
beforeAll(async () => {
  whole = await callCli(['train', ...SESSION, '--out', join(scratch, 'whole')]);
  digest = JSON.parse(whole.stdout).stateDigest;
});

it('a host killed three times leaves a run that ends with the same state, every step once', async () => {
  const { summary, steps, kills, unbegun } = await trainAndKill([1, 5, 9]);
  expect({ kills, unbegun }).toEqual({ kills: 3, unbegun: 1 });
  expect(summary.stateDigest).toBe(digest);
  expect(steps).toEqual(Array.from({ length: 576 }, (_, step) => step));
});

it('a disk without room ends the run with exit status 5, and with room it goes on', async () => {
  for (const writes of [0, 7]) expect(await trainOnFullDisk(writes, digest)).toBe(true);
});

it('two hosts do not write one run; the lock goes with its process', async () => {
  const run = join(scratch, 'locked');
  const main = join(import.meta.dirname, '../../dist/host/cli/main.js');
  const args = ['train', ...SESSION.filter((word) => word !== '--quiet'), '--epochs', '900', '--out', run];
  const first = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const text of first.stderr) if (String(text).includes('run folder')) break;
  const second = await callCli(['train', '--resume', run]);
  expect(second.status).toBe(3);
  expect(second.stderr).toMatch(new RegExp(`process ${first.pid} is writing .*\n {2}try: wait for it, or end it`));
  first.kill('SIGKILL');
  await once(first, 'exit');
  let interrupted = false;
  const third = await runCli(['train', '--resume', run], {
    onStderr: (stderr, child) => {
      if (interrupted || !stderr.includes('run folder')) return;
      interrupted = child.kill('SIGINT'); // once: another one could come when it is on its way out
    },
  });
  expect(third.status).toBe(130);
});
