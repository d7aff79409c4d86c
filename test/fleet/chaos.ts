/** One sweep over workers that are killed and a Redis that is restarted, against the same sweep on this machine alone. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { Xorshift32 } from '#host/random.js';
import { runCli } from '../cli/run-cli.js';
import { RedisServer } from './redis-server.js';
import { WorkerProcess } from './worker-process.js';

export interface Chaos {
  readonly seed: number;
  readonly cells: number;
  readonly workers: number;
  readonly kills: number;
  readonly restarts: number;
  /** Devices of each worker; left out: a simulator. */
  readonly devices?: (worker: number) => readonly string[];
  /** Runs beside the sweep. */
  readonly beside?: (fleet: { readonly redis: RedisServer; readonly isOver: () => boolean }) => Promise<void>;
  /** The longest time between two faults, in milliseconds. */
  readonly betweenMs: number;
}

/** What is trained: small, with several checkpoints. */
const session = 'dataset: digits\n  samples: 48\n  epochs: 4\n  eval_samples: 16\n  eval_source: 0';

export interface Outcome {
  readonly digests: readonly string[];
  readonly goneOn: number;
  readonly killed: number;
}

/** Trains the cells on one machine: what every other way must end with. */
export async function localDigests(cells: number): Promise<string[]> {
  return withFolder(async (folder) => {
    const file = sweepFile(folder, cells);
    const { status, stdout, stderr } = await runCli(['sweep', file, '--out', join(folder, 'local'), '--json']);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    return digestsOf(stdout);
  });
}

/**
 * Trains the cells over a queue with everything that goes wrong, and checks that each is done once.
 * @returns the digests in the order of the sweep
 */
export async function chaoticDigests(chaos: Chaos): Promise<Outcome> {
  return withFolder(async (folder) => {
    const random = new Xorshift32(chaos.seed * 7919 + 1);
    const redis = await RedisServer.start();
    const workers: WorkerProcess[] = [];
    const all: WorkerProcess[] = [];
    const start = (index: number) => {
      const devices = chaos.devices?.(index) ?? ['simulator'];
      const args = ['--queue', redis.url, '--dir', join(folder, 'work'), '--name', `w${index}`];
      const quick = ['--lock-seconds', '2', '--upload-seconds', '0'];
      const worker = new WorkerProcess([...args, ...quick, ...devices.flatMap((device) => ['--device', device])]);
      workers[index] = worker;
      all.push(worker);
    };
    let isOver = false;
    try {
      for (let index = 0; index < chaos.workers; index += 1) start(index);
      const file = sweepFile(folder, chaos.cells);
      const sweeping = runCli(['sweep', file, '--queue', redis.url, '--out', join(folder, 'out'), '--json']).finally(
        () => {
          isOver = true;
        },
      );
      const beside = chaos.beside?.({ redis, isOver: () => isOver });
      const faults = shuffled(random, [
        ...new Array<'kill'>(chaos.kills).fill('kill'),
        ...new Array<'restart'>(chaos.restarts).fill('restart'),
      ]);
      await Promise.all(workers.map((worker) => worker.said(/done in/)));
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
      const { status, stdout, stderr } = await sweeping;
      await beside;
      expect({ status, stderr, workers: status === 0 ? '' : all.map(({ stderr }) => stderr) }).toMatchObject({
        status: 0,
      });
      const client = redis.client();
      const [results, changes] = [await client.hlen('priot:results'), await client.get('priot:changes')];
      client.disconnect();
      // Each publication and each failure counts one: so none was published twice, and none failed.
      expect({ results, changes }).toEqual({ results: chaos.cells, changes: String(chaos.cells) });
      expect(readdirSync(join(folder, 'out'))).toHaveLength(chaos.cells);
      const said = all.map(({ stderr }) => stderr).join('');
      return { digests: digestsOf(stdout), goneOn: said.split('goes on before step').length - 1, killed };
    } finally {
      await Promise.all(all.map((worker) => worker.end('SIGKILL')));
      await redis.remove();
    }
  });
}

function digestsOf(stdout: string): string[] {
  const { sessions } = JSON.parse(stdout) as { sessions: { stateDigest: string }[] };
  return sessions.map(({ stateDigest }) => stateDigest);
}

function sweepFile(folder: string, cells: number): string {
  const file = join(folder, 'chaos.yaml');
  const seeds = Array.from({ length: cells }, (_, seed) => seed);
  writeFileSync(file, `name: chaos\nparameters:\n  ${session}\n  seed: ${JSON.stringify(seeds)}\n`);
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
