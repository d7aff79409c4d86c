import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, callCli, runCli } from '../cli/run-cli.js';
import { openEmulatorPty } from '../serial/pty.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-sweep-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function sweepFile(name: string, text: string): string {
  const path = join(scratch, `${name}.yaml`);
  writeFileSync(path, text);
  return path;
}

const common = `
    dataset: {value: digits}
    samples: {value: 64}
    eval_samples: {value: 50}
    epochs: {value: 2}
    eval_every: {value: 2}
`;

describe('priot sweep', () => {
  const out = join(scratch, 'runs');
  const csv = join(scratch, 'table.csv');
  const file = sweepFile(
    'methods',
    `
method: list
parameters:
  - label: pruned
    seed: {values: [0, 1]}${common}
  - label: dynamic
    method: {value: niti-dynamic}
    seed: {values: [0, 1]}${common}`,
  );
  let first: CliResult;
  // biome-ignore lint/suspicious/noExplicitAny: the document under test
  let document: any;
  beforeAll(async () => {
    first = await callCli(['sweep', file, '--out', out, '--workers', '2', '--csv', csv, '--json']);
    document = JSON.parse(first.stdout);
  });

  it('runs every session and groups them over seeds', () => {
    expect(first.status).toBe(0);
    expect(document).toMatchObject({ sweep: 'methods', failed: [] });
    expect(document.groups).toMatchObject([
      { label: 'pruned', place: 'simulated', n: 2, values: [expect.any(Number), expect.any(Number)] },
      { label: 'dynamic', parameters: { method: 'niti-dynamic' }, n: 2 },
    ]);
    expect(document.sessions).toHaveLength(4);
    expect(readFileSync(csv, 'utf8').split('\r\n')).toHaveLength(4);
  });

  it('leaves a run folder for each, without step events, that can be repeated exactly', async () => {
    expect(readdirSync(out)).toHaveLength(4);
    const { run, stateDigest } = document.sessions[3];
    expect(readFileSync(join(run, 'metrics.jsonl'), 'utf8')).not.toContain('"type":"step"');
    const again = await callCli(['train', '--from-run', run, '--out', join(scratch, 'again'), '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ method: 'niti-dynamic', stateDigest });
    const words: string[] = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).command;
    const by = await callCli([...words, '--device', 'simulator', '--out', join(scratch, 'by-command'), '--json']);
    expect(JSON.parse(by.stdout)).toMatchObject({ stateDigest });
  });

  it('runs no finished session again, and goes on with an interrupted one', async () => {
    const times = () => readdirSync(out).map((name) => [name, statSync(join(out, name, 'run.json')).mtimeMs]);
    const before = new Map(times() as [string, number][]);
    const { run, stateDigest } = document.sessions[0];
    const manifest = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
    delete manifest.summary;
    writeFileSync(join(run, 'run.json'), JSON.stringify(manifest));
    const second = await callCli(['sweep', file, '--out', out, '--workers', '1', '--json']);
    expect(second.status).toBe(0);
    expect(second.stderr).toContain('3 done before, 1 to run');
    expect(JSON.parse(second.stdout).sessions[0]).toMatchObject({ run, stateDigest });
    const touched = (times() as [string, number][]).filter(([name, time]) => before.get(name) !== time);
    expect(touched.map(([name]) => join(out, name))).toEqual([run]);
  });

  it('names a failed session, runs the others and exits 1', async () => {
    const failing = sweepFile(
      'failing',
      `method: list\nparameters:\n  -${common.slice(4)}    seed: {values: [99999, 0]}`,
    );
    const result = await callCli(['sweep', failing, '--out', join(scratch, 'failing')]);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/failed: .*--seed=99999.*seed 99999 trains on images/);
    expect(result.stdout).toMatch(/accuracy\.after/);
    expect(readdirSync(join(scratch, 'failing'))).toHaveLength(1);
  });

  it('stops at Ctrl-C, and goes on to the same states', async () => {
    const interrupted = join(scratch, 'interrupted');
    let stopped = false;
    const first = await runCli(['sweep', file, '--out', interrupted, '--workers', '1'], {
      onStderr: (stderr, child) => {
        if (stopped || !stderr.includes('to run on')) return;
        stopped = true;
        child.kill('SIGINT');
      },
    });
    expect(first.status).toBe(130);
    const second = await callCli(['sweep', file, '--out', interrupted, '--workers', '1', '--json']);
    expect(second.status).toBe(0);
    const digests = (sessions: { stateDigest: string }[]) => sessions.map(({ stateDigest }) => stateDigest);
    expect(digests(JSON.parse(second.stdout).sessions)).toEqual(digests(document.sessions));
  });

  it('trains on an emulated Pico beside a simulator, and keeps their places apart', async () => {
    const small = sweepFile(
      'places',
      'method: grid\nparameters: {dataset: {value: digits}, samples: {value: 16}, eval_samples: {value: 2}, seed: {values: [0, 1]}}',
    );
    const devices = ['--device', 'emulator', '--device', 'simulator', '--workers', '1'];
    const result = await callCli(['sweep', small, '--out', join(scratch, 'places'), ...devices, '--json']);
    expect(result.status).toBe(0);
    const { sessions } = JSON.parse(result.stdout);
    const places = sessions.map(({ place }: { place: string }) => place);
    expect(places.sort()).toEqual(['emulated', 'simulated']);
  });

  it('trains on a board at a port, to the state that the simulator has', async () => {
    const small = sweepFile(
      'port',
      'parameters: {dataset: digits, samples: 8, eval_samples: 2, eval_source: 0, seed: [0]}',
    );
    const board = await openEmulatorPty();
    try {
      const digests = [];
      for (const [name, devices] of Object.entries({
        port: [board.path],
        simulator: ['simulator', '--workers', '1'],
      })) {
        const result = await callCli(['sweep', small, '--out', join(scratch, name), '--device', ...devices, '--json']);
        expect(result).toMatchObject({ status: 0 });
        digests.push(JSON.parse(result.stdout).sessions[0].stateDigest);
      }
      expect(digests[0]).toBe(digests[1]);
    } finally {
      await board.close();
    }
  });

  it.each([
    ['an option that train has not', 'speed: {value: 1}', 2, 'no parameter speed'],
    ['a value that train refuses', 'angle: {value: 999}', 2, '--angle=999'],
    ['an option of another method', 'budget: {value: auto}\n  method: {value: priot}', 2, 'belongs to priot-s'],
  ])('refuses %s before anything runs', async (_, parameter, status, message) => {
    const path = sweepFile('refused', `method: grid\nparameters:\n  ${parameter}\n`);
    const result = await callCli(['sweep', path, '--out', join(scratch, 'refused')]);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toContain(message);
  });

  it('refuses a metric that no run will have before the first session, and names those there are', async () => {
    const out = join(scratch, 'no-metric');
    for (const [metric, why] of [
      ['val_accuracy', 'no run will have the metric val_accuracy\n'],
      ['cyclesPerStep.mean', 'the simulator counts no cycles'],
    ] as const) {
      const text = `metric: {name: ${metric}}\nparameters: {samples: 16, eval_samples: 10}`;
      const { status, stderr, stdout } = await callCli(['sweep', sweepFile('metric', text), '--out', out]);
      expect([status, stdout]).toEqual([4, '']);
      expect(stderr).toContain(why);
      expect(stderr).toContain('there are accuracy.before, accuracy.after');
      expect(existsSync(out)).toBe(false);
    }
  });

  it('says that a file is missing', async () => {
    expect(await callCli(['sweep', join(scratch, 'none.yaml')])).toMatchObject({ status: 4 });
  });
});
