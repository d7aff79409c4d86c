import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { failingWrites } from './failing-writes.js';

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

/**
 * Trains one session in several processes: each goes on with what the one before left, writes so many times into the run
 * folder as `writes` says, and is then killed in the middle of the next write. A last process gets to the end.
 */
export async function trainAndKill(writes: readonly number[]): Promise<Killing> {
  const scratch = mkdtempSync(join(tmpdir(), 'priot-kill-'));
  const run = join(scratch, 'run');
  const begun = () => existsSync(join(run, 'run.json'));
  const command = () => ['train', ...(begun() ? ['--resume', run, '--json', '--quiet'] : [...SESSION, '--out', run])];
  const killing: Killing = { unbegun: 0, kills: 0, summary: { stateDigest: '', steps: 0 }, steps: [] };
  try {
    for (const count of writes) {
      const { status } = await runCli(command(), { env: failingWrites('kill', run, count) });
      if (status === null) killing.kills++;
      else if (status !== 0) break; // it ended by itself; what it says shows below
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
