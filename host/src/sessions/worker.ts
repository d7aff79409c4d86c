/** Trains cells of a queue on the boards of this machine, until it is stopped. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeviceError, PriotError } from '../errors.js';
import { makeFolder } from '../files.js';
import { queueAddress } from '../fleet/queue-address.js';
import { TakingQueues } from '../fleet/queues.js';
import type { WorkerRecord } from '../fleet/records.js';
import { FleetStore } from '../fleet/store.js';
import { complete } from '../options/option.js';
import { type WorkerOptions, workerOptions } from '../options/other.js';
import { lockRun, unlockRun } from '../runs/run-lock.js';
import { Bell } from './bell.js';
import type { Context, NoticeEvent } from './events.js';
import { FleetBoard } from './fleet-board.js';
import { InputCache } from './inputs.js';
import { orAbort } from './or-abort.js';
import { packageDescription } from './package-files.js';
import { packageFirmware } from './provenance.js';
import { WorkerGroups } from './worker-groups.js';

/** A worker has come to the queue. */
export interface WorkerReadyEvent {
  readonly type: 'worker';
  readonly id: string;
  readonly queue: string;
  readonly devices: readonly string[];
}

export type WorkerEvent = NoticeEvent | WorkerReadyEvent;

/** What `priot worker --json` prints when it ends. */
export interface WorkerDocument {
  readonly worker: string;
  readonly queue: string;
}

/** How long a worker that is stopped tries to give back what it has. */
const STOP_MS = 15_000;
/** A worker tells of itself at least so often, of its steps among the rest, and looks so often whether there is news. */
const BEAT_MS = 2_000;
const NEWS_MS = 250;
const MAX_WORKERS_HERE = 64;

/**
 * Takes cells of a queue that fit its devices and trains them until the signal aborts; what is under way is then saved and
 * given back.
 * @throws UsageError of the options; FailedError QUEUE_CLIENT_MISSING, QUEUE_UNREACHABLE, QUEUE_REFUSED
 */
export async function worker(options: WorkerOptions = {}, context: Context<WorkerEvent> = {}): Promise<WorkerDocument> {
  const given = complete('worker', workerOptions, options);
  const { signal: stopped = new AbortController().signal, onEvent = () => {} } = context;
  const failed = new AbortController();
  const signal = AbortSignal.any([stopped, failed.signal]);
  const address = queueAddress(given.queue);
  const store = await FleetStore.open(address, signal);
  const say = (text: string, warning?: true) => onEvent({ type: 'notice', text, ...(warning && { warning }) });
  const home = takeHome(given.dir, given.name ?? hostname());
  const queues = new TakingQueues(store, given.lockSeconds * 1000);
  const arrivals = new Bell();
  let told = true;
  let boards: FleetBoard[] = [];
  const groups = new WorkerGroups({ store, arrivals, say, dataDir: given.dataDir, boards: () => boards });
  const about = (): WorkerRecord => ({
    ...{ version: 1, id: home.id, host: hostname(), priot, firmware },
    ...{ labels: given.label ?? [], boards: boards.map(({ record }) => record), refusals: groups.refusals },
  });
  const firmware = packageFirmware();
  const priot = packageDescription().version;
  try {
    for (const text of await store.complaints()) say(text, true);
    const inputs = new InputCache();
    const paths = { networks: join(home.path, 'networks'), runs: join(home.path, 'runs') };
    const folders = { ...paths, dataDir: given.dataDir, inputs };
    makeFolder(folders.networks);
    makeFolder(folders.runs);
    const surroundings = {
      ...{ store, queues, about, say, lockMs: given.lockSeconds * 1000, uploadMs: given.uploadSeconds * 1000 },
      ...{ groups: () => groups.fit, arrivals, folders },
      changed: () => {
        told = false;
      },
    };
    boards = given.device.map((device) => new FleetBoard({ device, faults: given.faults }, surroundings));
    onEvent({ type: 'worker', id: home.id, queue: address.shown, devices: given.device });
    const telling = new AbortController();
    const tell = tellOften(
      () => store.beat(about()),
      () => told,
      () => (told = true),
      telling.signal,
    );
    // With Redis away nothing can be given back: the cells go to others when the leases run out.
    const patience = () => setTimeout(() => store.close(), STOP_MS).unref();
    signal.addEventListener('abort', patience, { once: true });
    const looking = groups.follow(about, signal);
    // One that fails for a reason of its own, a defect, stops the others, too: none is left behind.
    const all = [...boards.map((board) => board.run(signal)), looking].map((each) =>
      each.catch((error: unknown) => failed.abort(error)),
    );
    await Promise.all(all);
    failed.signal.throwIfAborted();
    telling.abort();
    await tell;
    await Promise.race([store.leave(home.id).catch(() => {}), delay(1000)]);
    return { worker: home.id, queue: address.shown };
  } finally {
    await queues.close();
    store.close();
    home.leave();
  }
}

/** Tells of the worker whenever there is something new, and now and then. */
async function tellOften(
  beat: () => Promise<void>,
  isTold: () => boolean,
  setTold: () => void,
  signal: AbortSignal,
): Promise<void> {
  let lastMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (!isTold() || performance.now() - lastMs > BEAT_MS) {
      setTold();
      lastMs = performance.now();
      await orAbort(
        beat().catch(() => {}),
        signal,
      );
    }
    await delay(NEWS_MS, undefined, { signal }).catch(() => {});
  }
}

/** A folder that one worker has for itself, with what a killed one left there removed. */
function takeHome(dir: string, name: string): { id: string; path: string; leave(): void } {
  for (let number = 1; number <= MAX_WORKERS_HERE; number += 1) {
    const own = number === 1 ? name : `${name}-${number}`;
    const path = join(dir, own.replaceAll(/[^\w.-]/g, '_').replace(/^\.+/, '_'));
    makeFolder(path);
    const lock = join(path, 'lock');
    try {
      lockRun(path, lock, 'make room');
    } catch (error) {
      if (error instanceof DeviceError && error.code === 'RUN_BUSY') continue;
      throw error;
    }
    const clear = () => {
      for (const part of ['networks', 'runs']) rmSync(join(path, part), { recursive: true, force: true });
    };
    clear();
    return {
      id: `${own}-${randomBytes(2).toString('hex')}`,
      path,
      leave() {
        clear();
        unlockRun(lock);
      },
    };
  }
  throw new PriotError(
    'RUN_BUSY',
    `${MAX_WORKERS_HERE} workers share ${dir} already`,
    'name another folder with --dir',
  );
}
