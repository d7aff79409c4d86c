/** How long a report takes and how large it is; how the live page's server bears a thousand runs. */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '#host/runs/events.js';
import { formatEvent } from '#host/runs/metrics-file.js';
import { runEvents } from '#host/runs/run-folder.js';
import { report } from '#host/sessions/report.js';
import { train } from '#host/sessions/train.js';

export interface PageSpeed {
  /** Processor seconds of a report over 30 epochs of 1,024 steps, loading of the plotting library included. */
  readonly reportSeconds: number;
  readonly reportMegabytes: number;
  /** Processor seconds of the server for the list of 1,000 run folders, the first time and when they are known. */
  readonly firstListSeconds: number;
  readonly listSeconds: number;
  /** Resident memory of the server's process after that. */
  readonly serverMegabytes: number;
  /** Seconds of wall time from a line in metrics.jsonl to the figures of the page that was told of it. */
  readonly updateSeconds: number;
}

const EPOCHS = 30;
const STEPS = 1024;
const RUNS = 1000;
const MAIN = fileURLToPath(new URL('../host/cli/main.js', import.meta.url));

/** Measures on folders that are made for it; takes about ten seconds. */
export async function measurePageSpeed(): Promise<PageSpeed> {
  const folder = mkdtempSync(join(tmpdir(), 'priot-page-speed-'));
  try {
    const run = await longRun(folder);
    const out = join(folder, 'report.html');
    const before = process.cpuUsage();
    await report({ runs: [run], out });
    const { user, system } = process.cpuUsage(before);
    const served = await measureServer(folder, run);
    return { reportSeconds: (user + system) / 1e6, reportMegabytes: statSync(out).size / 1e6, ...served };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes a run of 30 epochs: a short one of the simulator whose epochs are repeated, with cycles as a device has them. */
async function longRun(folder: string): Promise<string> {
  const run = join(folder, 'long');
  await train({ device: 'simulator', dataset: 'digits', samples: 16, evalSamples: 64, out: run });
  const events = [...runEvents(run)].filter(({ type }) => type !== 'step');
  const ofEpoch = (epoch: number) => events.filter((event) => 'epoch' in event && event.epoch === epoch);
  const lines: RunEvent[] = ofEpoch(-1);
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    for (let index = 0; index < STEPS; index += 1) lines.push(stepOf(epoch, index));
    for (const event of ofEpoch(0)) lines.push({ ...event, epoch } as RunEvent);
    lines.push(...events.filter(({ type }) => type === 'link'));
  }
  lines.push(...events.filter(({ type }) => type === 'memory'));
  writeFileSync(join(run, 'metrics.jsonl'), lines.map((event) => `${formatEvent(event)}\n`).join(''));
  return run;
}

function stepOf(epoch: number, index: number): RunEvent {
  const step = epoch * STEPS + index;
  const cycles = 300_000 + ((step * 7919) % 500_000);
  const label = step % 10;
  return { type: 'step', step, epoch, label, prediction: label, correct: true, lossZero: step % 3 === 0, cycles };
}

async function measureServer(
  folder: string,
  run: string,
): Promise<Pick<PageSpeed, 'firstListSeconds' | 'listSeconds' | 'serverMegabytes' | 'updateSeconds'>> {
  const runs = join(folder, 'runs');
  const [manifest, metrics] = ['run.json', 'metrics.jsonl'].map((name) => readFileSync(join(run, name)));
  for (let index = 0; index < RUNS; index += 1) {
    const path = join(runs, `run-${index}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'run.json'), manifest!);
    writeFileSync(join(path, 'metrics.jsonl'), index < 8 ? metrics! : '');
  }
  const child = spawn(process.execPath, [MAIN, 'ui', runs, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let address = '';
  for await (const piece of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    address = /http:\/\/127\.0\.0\.1:\d+\//.exec(String(piece))?.[0] ?? '';
    if (address !== '') break;
  }
  const get = async (path: string) => (await fetch(`${address}${path}`)).text();
  const processorSeconds = async (path: string) => {
    const before = secondsOf(child.pid!);
    await get(path);
    return secondsOf(child.pid!) - before;
  };
  const firstListSeconds = await processorSeconds('');
  const listSeconds = await processorSeconds('');
  await get('run?id=run-0');
  const updateSeconds = await measureUpdate(address, join(runs, 'run-0', 'metrics.jsonl'), get);
  for (let index = 1; index < 8; index += 1) await get(`run?id=run-${index}`);
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  child.kill('SIGINT');
  await ended;
  return { firstListSeconds, listSeconds, updateSeconds, serverMegabytes: Number(kilobytes) / 1000 };
}

/** Returns seconds that a process's first thread has been on a processor (Linux). */
function secondsOf(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e9;
}

async function measureUpdate(
  address: string,
  metrics: string,
  get: (path: string) => Promise<string>,
): Promise<number> {
  const reader = (await fetch(`${address}events`)).body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  const startMs = performance.now();
  appendFileSync(metrics, `${formatEvent(stepOf(EPOCHS, 0))}\n`);
  for (let text = ''; !text.includes('event: change'); ) text += (await reader.read()).value ?? '';
  await get('fragment/figures?run=run-0');
  const seconds = (performance.now() - startMs) / 1000;
  await reader.cancel();
  return seconds;
}
