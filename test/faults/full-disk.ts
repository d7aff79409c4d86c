import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { decodeCheckpoint } from '#host/runs/checkpoint.js';
import { runCli } from '../cli/run-cli.js';
import { failingWrites } from './failing-writes.js';
import { SESSION } from './killed-run.js';

/**
 * Trains on a disk that has room for `writes` writes, and then, with room, goes on with what is there. False: the room was
 * enough.
 */
export async function trainOnFullDisk(writes: number, expectedDigest: string): Promise<boolean> {
  const scratch = mkdtempSync(join(tmpdir(), 'priot-full-'));
  const run = join(scratch, 'run');
  try {
    const env = failingWrites('full', run, writes);
    const first = await runCli(['train', ...SESSION, '--out', run], { env });
    if (first.status === 0) return false;
    expect({ writes, ...first }).toMatchObject({
      status: 5,
      stderr: expect.stringMatching(/no room left on the disk/),
    });
    const resumable = existsSync(join(run, 'run.json'));
    const state = join(run, 'state.bin');
    // what is said to be saved is what the disk has
    const before = existsSync(state) ? decodeCheckpoint(readFileSync(state), state).nextStep : undefined;
    expect(/saved before step (\d+)/.exec(first.stderr)?.[1]).toBe(before?.toString());
    const again = resumable ? ['--resume', run, '--json', '--quiet'] : [...SESSION, '--out', run];
    const second = await runCli(['train', ...again]);
    expect({ writes, ...second }).toMatchObject({ status: 0 });
    expect(JSON.parse(second.stdout).stateDigest).toBe(expectedDigest);
    return true;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
