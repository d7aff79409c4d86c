import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCli } from '../cli/run-cli.js';

const main = join(import.meta.dirname, '../../dist/host/cli/main.js');
const model = join(import.meta.dirname, '../conformance/priot-45');
/** Six epochs, so that there are checkpoints, evaluations and replays to be killed in. */
export const SESSION = ['--device', 'simulator', '--model', model, '--dataset', 'digits'].concat(
  ...[['--epochs', '6'], ['--samples', '96'], ['--eval-samples', '24'], ['--quiet'], ['--json']],
);

export interface Killing {
  /** Runs that were killed before they had a run.json, and began anew. */
  unbegun: number;
  kills: number;
  /** Of the process that got to the end. */
  summary: { stateDigest: string; steps: number };
  steps: number[];
}

/** When to kill: so long after the process began, or after it opened its run folder. */
export interface Moment {
  after: 'start' | 'folder';
  ms: number;
}

/** Kills a session with SIGKILL at one moment after the other, goes on with it each time, and lets the last one end. */
export async function trainAndKill(moments: readonly Moment[]): Promise<Killing> {
  const scratch = mkdtempSync(join(tmpdir(), 'priot-kill-'));
  const run = join(scratch, 'run');
  const begun = () => existsSync(join(run, 'run.json'));
  const command = () => ['train', ...(begun() ? ['--resume', run, '--json', '--quiet'] : [...SESSION, '--out', run])];
  const killing: Killing = { unbegun: 0, kills: 0, summary: { stateDigest: '', steps: 0 }, steps: [] };
  try {
    for (const moment of moments) {
      const child = spawn(process.execPath, [main, ...command()], { stdio: ['ignore', 'ignore', 'pipe'] });
      if (await killedAt(child, moment)) killing.kills++;
      else if (child.exitCode !== 0) break; // it ended by itself; what it says shows below
      if (!begun()) killing.unbegun++;
      if (isDone(run)) break;
    }
    if (!isDone(run)) {
      const last = await runCli(command());
      expect(last).toMatchObject({ status: 0 });
    }
    killing.summary = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).summary;
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    killing.steps = lines
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === 'step')
      .map(({ step }) => step);
    return killing;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function isDone(run: string): boolean {
  const path = join(run, 'run.json');
  return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).summary !== undefined;
}

/** True when the kill came before the end. */
async function killedAt(child: ChildProcess, { after, ms }: Moment): Promise<boolean> {
  const ended = once(child, 'exit');
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    timer ??= setTimeout(() => child.kill('SIGKILL'), ms);
  };
  if (after === 'start') arm();
  child.stderr?.on('data', (text: Buffer) => text.includes('run folder') && arm());
  const [, signal] = await ended;
  clearTimeout(timer);
  return signal === 'SIGKILL';
}
