import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RunFolder } from '#host/runs/run-folder.js';
import type { RunManifest } from '#host/runs/run-manifest.js';
import { sampleEvents, sampleManifest, sampleSummary, stepEvent, temporaryFolder } from './sample-run.js';

/** The command on its own, so that nothing but it is tested here. */
const program = `
  import { Command } from 'commander';
  import { exitStatusOf } from '#host/cli/exit-status.js';
  import { register } from '#host/cli/runs.js';
  const program = new Command('priot');
  register(program);
  program.parseAsync(process.argv.slice(1), { from: 'user' }).catch((error) => {
    console.error(error.code, error.message);
    process.exitCode = exitStatusOf(error);
  });`;

function priot(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program, 'runs', ...args],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  return { status, stdout, stderr };
}

function makeRun(path: string, changes: Partial<RunManifest> = {}, events = sampleEvents): string {
  const folder = RunFolder.create(path, sampleManifest(changes));
  for (const event of events) folder.append(event);
  folder.finish({ ...sampleSummary, place: folder.manifest.place });
  folder.close();
  return path;
}

test('list', () => {
  const parent = temporaryFolder();
  const path = makeRun(join(parent, 'a'));
  const text = priot('list', parent);
  expect(text.stdout).toMatch(/after +cycles\/step\n/);
  expect(text.stdout).toMatch(/a +2026-03-01 12:00:00 +emulated +digits 45° +priot +0 +4 +0\.5000 +0\.7500 +1,000\n/);
  const { runs } = JSON.parse(priot('list', parent, '--json').stdout);
  expect(runs).toMatchObject([{ run: path, place: 'emulated', done: true, accuracy: { after: 0.75 } }]);
  expect(priot('list', join(parent, 'none'))).toMatchObject({ status: 4, stdout: '' });
});

test('show', () => {
  const path = makeRun(join(temporaryFolder(), 'a'));
  const { status, stdout } = priot('show', path);
  expect(status).toBe(0);
  for (const part of ['place     emulated', 'rp2040js 1.4.1', '0.8750  best', '▁█▆', 'fault at step 3: LINK_RESET']) {
    expect(stdout).toContain(part);
  }
  expect(JSON.parse(priot('show', path, '--json').stdout)).toMatchObject({
    run: path,
    asked: { angle: 45 },
    summary: { stateDigest: 'ab'.repeat(32) },
    metrics: { steps: 4, cyclesPerStep: { mean: 1001.5 } },
  });
  expect(priot('show', temporaryFolder())).toMatchObject({ status: 4, stderr: expect.stringContaining('NOT_A_RUN') });
});

test('compare', () => {
  const parent = temporaryFolder();
  const paths = [makeRun(join(parent, 'a')), makeRun(join(parent, 'b'), { place: 'hardware' })];
  const { stdout } = priot('compare', ...paths);
  expect(stdout).toMatch(/place +emulated +hardware/);
  expect(stdout).toContain('learned states: the same bytes in all runs');
  expect(stdout).toContain('note: cycles come from different places (emulated, hardware) and are not compared');
  expect(stdout).not.toContain('cycles to the first');
  expect(JSON.parse(priot('compare', ...paths, '--json').stdout)).toMatchObject({
    stateDigestsEqual: true,
    differences: [{ setting: 'place', values: ['emulated', 'hardware'] }],
  });
  expect(priot('compare', paths[0]!)).toMatchObject({ status: 2, stdout: '' });
});

test('compare gives each of many runs a row, with the options that differ', () => {
  const parent = temporaryFolder();
  const { asked } = sampleManifest();
  const paths = [0, 1, 2, 3].map((seed) =>
    makeRun(join(parent, 'sweep', `a-name-of-some-length-${seed}`), { asked: { ...asked, seed } }),
  );
  const { stdout } = priot('compare', ...paths);
  expect(stdout).toContain(`runs in ${join(parent, 'sweep')}/\n`);
  expect(stdout).toMatch(/^run +seed +before +after +best +cycles\/step +learned state$/m);
  for (const seed of [0, 1, 2, 3])
    expect(stdout).toMatch(new RegExp(`^a-name-of-some-length-${seed} +${seed} +0\\.5000 `, 'm'));
  expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
  expect(stdout).toContain('learned states: the same bytes in all runs');
});

test('export', () => {
  const parent = temporaryFolder();
  const path = makeRun(join(parent, 'a'));
  const csv = priot('export', 'csv', path, '--events', 'step').stdout;
  expect(csv.split('\n')).toHaveLength(6);
  const out = join(parent, 'steps.csv');
  expect(priot('export', 'csv', path, '--events', 'step', '--out', out)).toMatchObject({ status: 0, stdout: '' });
  expect(readFileSync(out, 'utf8')).toBe(csv);
  expect(priot('export', 'csv', path, '--events', 'steps')).toMatchObject({ status: 2, stdout: '' });
  mkdirSync(join(parent, 'folder'));
  expect(priot('export', 'csv', path, '--out', join(parent, 'folder'))).toMatchObject({ status: 4 });

  const logs = join(parent, 'logs', 'a');
  const { stdout } = priot('export', 'tensorboard', path, '--out', logs);
  expect(priot('export', 'tensorboard', path, '--out', logs).status).toBe(0);
  expect(readdirSync(logs).map((name) => `${join(logs, name)}\n`)).toEqual([stdout]);
});

test.skipIf(process.platform === 'win32')('a reader that stops early is no error', () => {
  const steps = Array.from({ length: 50_000 }, (_, step) => stepEvent(step));
  const path = makeRun(join(temporaryFolder(), 'a'), {}, steps);
  const args = ['--input-type=module', '--eval', program, 'runs', 'export', 'csv', path, '--events', 'step'];
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', 'set -o pipefail; "$0" "$@" | head -n 1', process.execPath, ...args],
    { encoding: 'utf8' },
  );
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: 'step,epoch,label,prediction,correct,lossZero,cycles\n',
    stderr: '',
  });
});
