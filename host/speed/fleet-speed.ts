/** What a queue costs: beside a sweep on this machine alone, cell by cell, and with many cells. Needs redis-server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
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

/** What a sweep took. */
export interface Taken {
  readonly wallSeconds: number;
  /** Of all its processes, Redis among them. */
  readonly processorSeconds: number;
}

/** 64 cells by 2 worker processes, and by the local sweep with 2 workers; medians of rounds that alternate. */
export interface SideBySide {
  readonly local: Taken;
  /** The start of the workers included. */
  readonly queued: Taken;
  /** The same from where the workers take cells. */
  readonly sweepSeconds: number;
}

/** Resident bytes of a worker after so many cells, once what it has no use for is collected. */
export type WorkerMemory = readonly { readonly cells: number; readonly bytes: number }[];

const main = fileURLToPath(new URL('../host/cli/main.js', import.meta.url));
const MANY = 10_000;
const ANGLES = [30, 45, 60, 75];
const ROUNDS = 3;
/** Ticks of a second in /proc/PID/stat, on every Linux that Node.js runs on. */
const TICKS = 100;
/** A collection takes a fraction of it; nothing tells that one is through. */
const COLLECTED_MS = 3_000;

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

  /** Starts a worker process; resolves to its process id once it takes cells. */
  async worker(name: string, more: readonly string[] = [], node: readonly string[] = []): Promise<number> {
    const own = ['--queue', this.queue, '--name', name, '--dir', join(this.folder, 'work')];
    const args = [...node, main, 'worker', ...own, ...more];
    const child = await this.#run(process.execPath, args, 'stderr', 'takes sessions');
    return child.pid!;
  }

  /** Measures work of this process, of Redis, and of processes that are there by its end. */
  async time(others: readonly number[], work: () => Promise<void>): Promise<Taken> {
    const redis = this.#children[0]!.pid!;
    const before = process.cpuUsage();
    const beforeRedis = processorSeconds(redis);
    const startedMs = performance.now();
    await work();
    const wallSeconds = (performance.now() - startedMs) / 1000;
    const { user, system } = process.cpuUsage(before);
    const beside = others.reduce((sum, pid) => sum + processorSeconds(pid), processorSeconds(redis) - beforeRedis);
    return { wallSeconds, processorSeconds: (user + system) / 1e6 + beside };
  }

  /** Ends all but Redis. */
  async endWorkers(): Promise<void> {
    for (const child of this.#children.splice(1)) await endOf(child);
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
    for (const child of this.#children.reverse()) await endOf(child);
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

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

export const measureMany = (): Promise<ManyCells> => inBench(manyCells);
export const measureOverhead = (): Promise<Overhead> => inBench(overheadOfCells);
/** @param session what is swept over seeds and angles */
export const measureSideBySide = (session: Readonly<Record<string, unknown>>): Promise<SideBySide> =>
  inBench((bench) => sideBySide(bench, session));
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

async function sideBySide(bench: Bench, session: Readonly<Record<string, unknown>>): Promise<SideBySide> {
  const file = bench.file('side', { eval_samples: 100, ...session }, 64);
  const whole = async (options: SweepOptions) => {
    const { failed } = await sweep(options);
    if (failed.length > 0) throw new Error(failed[0]!.message);
  };
  const local: Taken[] = [];
  const queued: Taken[] = [];
  const sweeps: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const out = join(bench.folder, `round-${round}`);
    local.push(await bench.time([], () => whole({ file, workers: 2, out: join(out, 'local') })));
    // With another label its cells are others for the queue, while they are the same to train.
    const label = `round-${round}`;
    const workers: number[] = [];
    const taken = await bench.time(workers, async () => {
      const started = ['one', 'two'].map((name) => bench.worker(`${name}-${round}`, ['--label', label]));
      workers.push(...(await Promise.all(started)));
      const startedMs = performance.now();
      await whole({ file, queue: bench.queue, label, out: join(out, 'queued') });
      sweeps.push((performance.now() - startedMs) / 1000);
    });
    queued.push(taken);
    await bench.endWorkers();
  }
  return { local: medianOf(local), queued: medianOf(queued), sweepSeconds: median(sweeps) };
}

function medianOf(taken: readonly Taken[]): Taken {
  const of = (name: keyof Taken) => median(taken.map((each) => each[name]));
  return { wallSeconds: of('wallSeconds'), processorSeconds: of('processorSeconds') };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Seconds of processor time that a process has had, its threads included. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** What a worker is started with, so that each of its threads collects what it has no use for when it is asked. */
const collecting = `import { isMainThread } from 'node:worker_threads';
const channel = new BroadcastChannel('collect');
channel.onmessage = () => gc();
channel.unref();
if (isMainThread) process.on('SIGUSR2', () => {
  gc();
  channel.postMessage(0);
});`;

async function workerMemory(bench: Bench): Promise<WorkerMemory> {
  const node = ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(collecting)}`];
  const pid = await bench.worker('one', [], node);
  const found: { cells: number; bytes: number }[] = [];
  for (const cells of [200, 400, 600, 800, 1000]) {
    // The same 200 seeds and angles again with other steps: a worker keeps rotated images, and has these after the first.
    const mu = Array.from({ length: cells / 200 }, (_, index) => index + 1);
    await sweep({
      // Without calibration, so that a thousand take minutes only.
      file: bench.file('first', { method: 'niti-dynamic', samples: 8, eval_samples: 2, mu }, 200),
      queue: bench.queue,
      out: join(bench.folder, 'first'),
    });
    if (readdirSync(join(bench.folder, 'first')).length !== cells) throw new Error('cells are missing');
    process.kill(pid, 'SIGUSR2');
    await delay(COLLECTED_MS);
    found.push({ cells, bytes: residentBytes(pid) });
  }
  return found;
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
