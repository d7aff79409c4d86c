/** One sweep over workers that are killed and a Redis that is restarted, against the same sweep on this machine alone. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { Xorshift32 } from '#host/random.js';
import { runCli } from '../cli/run-cli.js';
import { RedisServer, type RedisSettings } from './redis-server.js';
import { WorkerProcess } from './worker-process.js';

export interface Chaos {
  readonly seed: number;
  readonly cells: number;
  readonly workers: number;
  readonly kills: number;
  readonly restarts: number;
  /** The longest time between two of them, in milliseconds. */
  readonly betweenMs: number;
  /** Epochs of a cell; left out: 4. */
  readonly epochs?: number;
  readonly lockSeconds?: number;
  /** Devices of each worker; left out: a simulator. */
  readonly devices?: (worker: number) => readonly string[];
  /** A program and its first arguments, through which a worker runs; left out: none. */
  readonly through?: (worker: number) => readonly string[];
  readonly redis?: RedisSettings;
  /** Through what the sweep runs. */
  readonly sweepThrough?: readonly [string, ...string[]];
  /** Goes wrong beside the kills; begins once every worker has done a cell. */
  readonly beside?: (workers: readonly WorkerProcess[]) => Promise<void>;
}

export interface Outcome {
  /** Learned states, in the order of the sweep. */
  readonly digests: readonly string[];
  /** Cells that another worker went on with from a checkpoint. */
  readonly goneOn: number;
  readonly killed: number;
  /** What all workers said. */
  readonly said: string;
  /** What the sweep printed. */
  readonly table: string;
}

/** Trains the cells on one machine: what every other way must end with. */
export async function localDigests(cells: number, epochs?: number): Promise<string[]> {
  return withFolder(async (folder) => {
    const file = sweepFile(folder, cells, epochs);
    const { status, stdout, stderr } = await runCli(['sweep', file, '--out', join(folder, 'local'), '--json']);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    return digestsOf(stdout);
  });
}

/** Trains the cells over a queue with everything that goes wrong, and checks that each is done once. */
export async function chaoticDigests(chaos: Chaos): Promise<Outcome> {
  return withFolder(async (folder) => {
    const random = new Xorshift32(chaos.seed * 7919 + 1);
    const redis = await RedisServer.start(chaos.redis);
    const workers: WorkerProcess[] = [];
    const all: WorkerProcess[] = [];
    const start = (index: number) => {
      const devices = (chaos.devices?.(index) ?? ['simulator']).flatMap((device) => ['--device', device]);
      const where = ['--queue', redis.url, '--dir', join(folder, 'work'), '--name', `w${index}`];
      const quick = ['--lock-seconds', String(chaos.lockSeconds ?? 2), '--upload-seconds', '0'];
      const worker = new WorkerProcess([...where, ...quick, ...devices], chaos.through?.(index));
      workers[index] = worker;
      all.push(worker);
    };
    let isOver = false;
    let sweep: ChildProcess | undefined;
    try {
      for (let index = 0; index < chaos.workers; index += 1) start(index);
      const file = sweepFile(folder, chaos.cells, chaos.epochs);
      const args = ['sweep', file, '--queue', redis.url, '--out', join(folder, 'out'), '--json'];
      const sweeping = runCli(args, {
        ...(chaos.sweepThrough && { through: chaos.sweepThrough }),
        onStart: (child) => {
          sweep = child;
        },
      }).finally(() => {
        isOver = true;
      });
      const faults = shuffled(random, [
        ...new Array<'kill'>(chaos.kills).fill('kill'),
        ...new Array<'restart'>(chaos.restarts).fill('restart'),
      ]);
      await Promise.all(workers.map((worker) => worker.said(/done in/)));
      const beside = chaos.beside?.(workers);
      let killed = 0;
      for (const fault of faults) {
        // The moment is the fault's own: it may hit anything that is under way.
        await delay(random.next() % chaos.betweenMs);
        if (isOver) break;
        if (fault === 'kill') {
          const index = random.next() % chaos.workers;
          await workers[index]!.end('SIGKILL');
          killed += 1;
          start(index);
        } else {
          await redis.down(random.next() % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
          await redis.up();
        }
      }
      await beside;
      const { status, stdout, stderr } = await sweeping;
      const said = all.map(({ stderr }) => stderr).join('');
      expect({ status, stderr, said: status === 0 ? '' : said }).toMatchObject({ status: 0 });
      const counts = { results: redis.ask('hlen', 'priot:results'), changes: redis.ask('get', 'priot:changes') };
      // Each publication and each failure counts one: so none was published twice, and none failed.
      expect(counts).toEqual({ results: String(chaos.cells), changes: String(chaos.cells) });
      expect(readdirSync(join(folder, 'out'))).toHaveLength(chaos.cells);
      const goneOn = said.split('goes on before step').length - 1;
      return { digests: digestsOf(stdout), goneOn, killed, said, table: stderr };
    } finally {
      sweep?.kill('SIGKILL');
      await Promise.all(all.map((worker) => worker.end('SIGKILL')));
      await redis.remove();
    }
  });
}

function digestsOf(stdout: string): string[] {
  const { sessions } = JSON.parse(stdout) as { sessions: { stateDigest: string }[] };
  return sessions.map(({ stateDigest }) => stateDigest);
}

/** Small sessions with several checkpoints. */
function sweepFile(folder: string, cells: number, epochs = 4): string {
  const file = join(folder, 'chaos.yaml');
  const seeds = Array.from({ length: cells }, (_, seed) => seed);
  const session = { dataset: 'digits', samples: 48, epochs, eval_samples: 16, eval_source: 0, seed: seeds };
  writeFileSync(file, JSON.stringify({ name: 'chaos', parameters: session }));
  return file;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'priot-fleet-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function shuffled<T>(random: Xorshift32, list: T[]): T[] {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = random.next() % (last + 1);
    [list[last], list[other]] = [list[other]!, list[last]!];
  }
  return list;
}
