/** Standard output and standard error that are closed, full or narrow. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { Display } from '#host/cli/display.js';
import { oneLine, textOutput, wrapped } from '#host/cli/terminal.js';
import { decodeCheckpoint } from '#host/runs/checkpoint.js';
import { callCli } from './run-cli.js';

const main = join(import.meta.dirname, '../../dist/host/cli/main.js');
const model = join(import.meta.dirname, '../conformance/priot-45');
const simulated = ['train', '--device', 'simulator', '--model', model, '--dataset', 'digits', '--eval-samples', '20'];
const long = [...simulated, '--samples', '500', '--epochs', '60'];
const short = [...simulated, '--samples', '20'];

const scratch = mkdtempSync(join(tmpdir(), 'priot-terminal-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const path = (name: string) => join(scratch, name);

/** Starts a training session and resolves when it has told of its first epoch. */
async function trainPastFirstEpoch(run: string): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
  const child = spawn(process.execPath, [main, ...long, '--out', run], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let text = '';
  for await (const more of child.stderr!.iterator({ destroyOnReturn: false })) {
    text += String(more);
    if (text.includes('epoch 1/60:')) break;
  }
  return { child, ended };
}

/** A run that was stopped in good order: it is saved before a step after its first epoch, and free for the next process. */
function expectSaved(run: string): void {
  const { nextStep } = decodeCheckpoint(readFileSync(join(run, 'state.bin')), 'state.bin');
  expect(nextStep).toBeGreaterThanOrEqual(500);
  const metrics = readFileSync(join(run, 'metrics.jsonl'), 'utf8');
  expect(metrics.match(/^\{"type":"step"/gm)).toHaveLength(nextStep);
  expect(existsSync(join(run, 'lock'))).toBe(false);
}

it('Ctrl-C saves the run when nobody reads standard error any more, as under 2>&1 | tee', async () => {
  const run = path('no-reader');
  const { child, ended } = await trainPastFirstEpoch(run);
  child.stdout!.destroy();
  child.stderr!.destroy();
  child.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
  expectSaved(run);
});

it('a session goes on to its end when nobody reads what it tells', async () => {
  const run = path('nobody');
  const child = spawn(process.execPath, [main, ...short, '--out', run], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await ended).toEqual([0, null]);
  expect(JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).summary.steps).toBe(20);
});

it('a terminal that closes stops a session like Ctrl-C, also when it says so twice', async () => {
  const run = path('hang-up');
  const { child, ended } = await trainPastFirstEpoch(run);
  child.kill('SIGHUP');
  child.stderr!.on('data', (text) => String(text).includes('stopping') && child.kill('SIGHUP'));
  expect(await ended).toEqual([130, null]);
  expectSaved(run);
});

it('does not say that anything is saved when the run folder is gone', async () => {
  const run = path('gone');
  const { child, ended } = await trainPastFirstEpoch(run);
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  rmSync(run, { recursive: true });
  expect(await ended).toEqual([4, null]);
  expect(stderr).toContain(`error: the run folder ${run} was removed while the run went on\n`);
  expect(stderr).not.toMatch(/saved|--resume/);
});

// a file system of its own that is always full
it.skipIf(!existsSync('/dev/full')).each([
  ['a result', [...short, '--quiet', '--out', path('full')]],
  ['a list', ['runs', 'list', scratch, '--json']],
  ['a help text', ['--help']],
])('%s that a full disk does not take is one line on standard error, and exit status 5', async (_, args) => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [status] = await once(child, 'close');
  expect({ status, stderr }).toEqual({ status: 5, stderr: 'error: no room left on the disk for standard output\n' });
});

it('--quiet says nothing unless something goes wrong', async () => {
  const run = path('quiet');
  const { status, stderr } = await callCli([...short, '--quiet', '--out', run]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const again = await callCli([...short, '--quiet', '--out', run]);
  expect(again.status).toBe(4);
  expect(again.stderr).toMatch(/^error: .*\n {2}try: .*\n$/);
});

it('steps that are to be halved after the last epoch are told of', async () => {
  const { status, stderr } = await callCli([
    ...short,
    '--quiet',
    '--epochs',
    '2',
    '--narrow',
    '1,5',
    '--out',
    path('late'),
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '--narrow 5 has no effect: the run ends after epoch 2\n' });
});

it('a name with a line feed takes one line wherever it is shown', async () => {
  const folder = path('names');
  mkdirSync(folder);
  const { status, stderr } = await callCli([...short, '--out', join(folder, 'a\nb\u001b[31m')]);
  expect(status).toBe(0);
  expect(stderr).toContain('/a\\nb\\x1b[31m\n');
  const { stdout } = await callCli(['runs', 'list', folder]);
  expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  expect(stdout).toContain('/a\\nb\\x1b[31m ');
  expect(JSON.parse((await callCli(['runs', 'list', folder, '--json'])).stdout).runs).toHaveLength(1);
});

describe('a terminal', () => {
  const stream = (isTTY: boolean, columns?: number) => ({ isTTY, columns, write: () => true });
  const onTerminal = (name: string, check: () => void) => {
    const before = process.env.TERM;
    process.env.TERM = name;
    try {
      check();
    } finally {
      if (before === undefined) delete process.env.TERM;
      else process.env.TERM = before;
    }
  };

  it('takes escape sequences unless it is dumb or none', () => {
    onTerminal('xterm', () => expect(textOutput(stream(true, 80))).toMatchObject({ rewrites: true, columns: 80 }));
    onTerminal('dumb', () => expect(textOutput(stream(true, 80))).toMatchObject({ rewrites: false, columns: 80 }));
    onTerminal('xterm', () => expect(textOutput(stream(false))).toMatchObject({ rewrites: false, columns: undefined }));
  });

  it('gets lines wrapped at words, and each notice on lines of its own', () => {
    const written: string[] = [];
    const display = new Display(false, { write: (text) => written.push(text), rewrites: false, columns: 40 });
    display.line('a line that is longer than the terminal is wide\nand one that is not');
    expect(written).toEqual(['a line that is longer than the terminal\n  is wide\n', 'and one that is not\n']);
  });
});

test('lines break between words, below the column that the text began in', () => {
  expect(wrapped('short', 20)).toBe('short');
  expect(wrapped('as long as it is, without a terminal', undefined)).toBe('as long as it is, without a terminal');
  expect(wrapped('state       one two three', 24)).toBe('state       one two\n            three');
  expect(wrapped('  indented words go further in', 20)).toBe('  indented words go\n    further in');
  expect(wrapped('run `priot train --resume a` to go on', 20)).toBe('run\n  `priot train --resume a`\n  to go on');
  expect(wrapped(`x ${'y'.repeat(30)} z`, 20)).toBe(`x\n  ${'y'.repeat(30)}\n  z`);
});

test('control characters are shown, not obeyed', () => {
  expect(oneLine('a\nb\tc\r\u001b[2J\u0085\u2028é')).toBe('a\\nb\\tc\\r\\x1b[2J\\x85\\x2028é');
});
