/** What a queue costs: beside a sweep on this machine alone, cell by cell, and with many cells. Needs redis-server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fleet, type SweepDocument, type SweepOptions, sweep } from '#host/index.js';

/** Time of 10,000 cells. */
export interface ManyCells {
  /** Until they are checked and on the queue. */
  readonly enqueueSeconds: number;
  readonly listSeconds: number;
}

/** What a queue adds to cells of some 10 seconds. */
export interface Overhead {
  /** Share of a cell's time. */
  readonly share: number;
  readonly cellSeconds: number;
}

/** 64 cells by 2 worker processes, their start included, and by the local sweep with 2 workers. */
export interface SideBySide {
  readonly queuedSeconds: number;
  readonly localSeconds: number;
}

/** Resident bytes of a worker. */
export interface WorkerMemory {
  readonly after200: number;
  readonly after1000: number;
}

const main = fileURLToPath(new URL('../host/cli/main.js', import.meta.url));
const MANY = 10_000;
const ANGLES = [30, 45, 60, 75];

/** A Redis of its own, and workers, all ended with `end`. */
class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'priot-fleet-speed-'));
  readonly #children: ChildProcess[] = [];
  port = 0;

  async start(): Promise<void> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as { port: number }).port;
    server.close();
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--appendonly', 'yes'];
    await this.#run('redis-server', [...args, '--save', ''], 'stdout', 'Ready to accept');
  }

  get queue(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts a worker process; resolves to its id once it takes cells. */
  async worker(name: string): Promise<number> {
    const args = [main, 'worker', '--queue', this.queue, '--name', name, '--dir', join(this.folder, 'work')];
    const child = await this.#run(process.execPath, args, 'stderr', 'takes sessions');
    return child.pid!;
  }

  /** Writes a sweep of so many cells, a multiple of the number of angles: there are not images for as many seeds. */
  file(name: string, session: Readonly<Record<string, unknown>>, cells: number, angles = ANGLES): string {
    const path = join(this.folder, `${name}.yaml`);
    const seed = Array.from({ length: cells / angles.length }, (_, index) => index);
    const parameters = { dataset: 'digits', eval_source: 0, ...session, seed, angle: angles };
    writeFileSync(path, JSON.stringify({ name, parameters }));
    return path;
  }

  async end(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #run(program: string, args: string[], from: 'stdout' | 'stderr', ready: string): Promise<ChildProcess> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    child.stdout.resume();
    child.stderr.resume();
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`${program} ended: ${said}`)));
      child[from].on('data', (text: Buffer) => {
        said += String(text);
        if (said.includes(ready)) resolve();
      });
    });
    child.removeAllListeners('exit');
    return child;
  }
}

export const measureMany = (): Promise<ManyCells> => inBench(manyCells);
export const measureOverhead = (): Promise<Overhead> => inBench(overheadOfCells);
export const measureSideBySide = (): Promise<SideBySide> => inBench(sideBySide);
export const measureMemory = (): Promise<WorkerMemory> => inBench(workerMemory);

async function inBench<T>(measure: (bench: Bench) => Promise<T>): Promise<T> {
  const bench = new Bench();
  try {
    await bench.start();
    return await measure(bench);
  } finally {
    await bench.end();
  }
}

async function manyCells(bench: Bench): Promise<ManyCells> {
  const file = bench.file('many', { samples: 16, eval_samples: 4 }, MANY);
  const stop = new AbortController();
  const startedMs = performance.now();
  let enqueueSeconds = 0;
  await sweep(
    { file, queue: bench.queue, out: join(bench.folder, 'many') },
    {
      signal: stop.signal,
      onEvent(event) {
        // It says so in its first look at the workers, once all cells are there.
        if (event.type !== 'notice' || !event.text.startsWith('no worker is on the queue')) return;
        enqueueSeconds = (performance.now() - startedMs) / 1000;
        stop.abort(new Error('measured'));
      },
    },
  ).catch((error: Error) => {
    if (error.message !== 'measured') throw error;
  });
  const listedMs = performance.now();
  const { cells } = await fleet({ queue: bench.queue });
  if (cells.length !== MANY) throw new Error(`${cells.length} cells are listed, not ${MANY}`);
  return { enqueueSeconds, listSeconds: (performance.now() - listedMs) / 1000 };
}

/** Cells of some 10 seconds on one simulator: what lies between the end of one and that of the next, beyond training. */
async function overheadOfCells(bench: Bench): Promise<Overhead> {
  const file = bench.file('long', { samples: 512, epochs: 24, eval_samples: 100 }, 6, [45]);
  const local = await sweep({ file, workers: 1, out: join(bench.folder, 'local') });
  await bench.worker('one');
  const queued = await sweep({ file, queue: bench.queue, out: join(bench.folder, 'queued') });
  const { cells } = await fleet({ queue: bench.queue });
  const seconds = cells.map((cell) => cell.seconds ?? Number.NaN);
  const cellSeconds = mean(seconds);
  return { share: (betweenCells(queued) - betweenCells(local)) / cellSeconds, cellSeconds };
}

/** Seconds from the end of one cell to that of the next, without the seconds that the session itself took. */
function betweenCells({ sessions }: SweepDocument): number {
  const ends = sessions
    .map(({ run, wallSeconds }) => {
      const lines = readFileSync(join(run, 'run.json'), 'utf8');
      const begunMs = Date.parse((JSON.parse(lines) as { createdAt: string }).createdAt);
      return { begunMs, wallSeconds };
    })
    .sort((a, b) => a.begunMs - b.begunMs);
  const gaps = ends.slice(1).map(({ begunMs }, index) => {
    const before = ends[index]!;
    return (begunMs - before.begunMs) / 1000 - before.wallSeconds;
  });
  return mean(gaps);
}

async function sideBySide(bench: Bench): Promise<SideBySide> {
  const file = bench.file('side', { samples: 256, epochs: 4, eval_samples: 100 }, 64);
  const time = async (work: () => Promise<unknown>) => {
    const startedMs = performance.now();
    await work();
    return (performance.now() - startedMs) / 1000;
  };
  const whole = async (options: SweepOptions) => {
    const { failed } = await sweep(options);
    if (failed.length > 0) throw new Error(failed[0]!.message);
  };
  const localSeconds = await time(() => whole({ file, workers: 2, out: join(bench.folder, 'local') }));
  const queuedSeconds = await time(async () => {
    await Promise.all([bench.worker('one'), bench.worker('two')]);
    await whole({ file, queue: bench.queue, out: join(bench.folder, 'queued') });
  });
  return { queuedSeconds, localSeconds };
}

async function workerMemory(bench: Bench): Promise<WorkerMemory> {
  const pid = await bench.worker('one');
  const run = (name: string, cells: number) =>
    sweep({
      // Without calibration, so that a thousand take minutes only.
      file: bench.file(name, { method: 'niti-dynamic', samples: 8, eval_samples: 2 }, cells),
      queue: bench.queue,
      out: join(bench.folder, name),
    });
  await run('first', 200);
  const after200 = residentBytes(pid);
  await run('first', 1000);
  const after1000 = residentBytes(pid);
  if (readdirSync(join(bench.folder, 'first')).length !== 1000) throw new Error('cells are missing');
  return { after200, after1000 };
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
