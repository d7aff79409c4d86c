/**
 * A thread, or a process, that trains the cells it is given, on its device, one after another; it keeps the images of one for
 * the next.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { flashOfImage } from '../device/emulator/image.js';
import type { Place } from '../device/place.js';
import { DataError, DeviceError, InterruptedError, UsageError } from '../errors.js';
import { hexadecimal } from '../files.js';
import type { TrainOptions } from '../options/train.js';
import { dropSteps, runFiles } from '../runs/run-folder.js';
import type { RunSummary } from '../runs/run-manifest.js';
import type { Context, TrainEvent } from './events.js';
import { InputCache } from './inputs.js';
import { type DatasetRequest, datasetDigest } from './load-dataset.js';
import { type DeviceChoice, openDevice } from './open-device.js';
import { firmwareImage } from './provenance.js';
import { resume, train } from './train.js';

/** A cell to train; what else a thread can tell; or that the cell under way is to be saved and left. */
export type ThreadTask =
  | {
      readonly type: 'train';
      readonly device: DeviceChoice;
      readonly options: TrainOptions;
      readonly path: string;
      readonly command: readonly string[];
    }
  | { readonly type: 'probe'; readonly device: DeviceChoice }
  | { readonly type: 'data'; readonly request: DatasetRequest }
  | { readonly type: 'stop' };

/** What there is to know of a device before it is given cells. */
export interface DeviceFacts {
  readonly name: string;
  readonly place: Place;
  /** 16 hexadecimal digits. */
  readonly boardId: string;
  readonly memoryBytes: number;
  readonly firmwareCommit: string;
  /** A board has the firmware of this package; null: the host loads it into the device. */
  readonly ownFirmware: boolean | null;
}

export type ThreadMessage =
  /** A checkpoint is saved; a run has begun or gone on. */
  | { readonly type: 'checkpoint'; readonly nextStep: number; readonly steps: number }
  /** Something of the cell that is not in its run folder: what a tracker was not told. */
  | { readonly type: 'warning'; readonly text: string }
  | { readonly type: 'done'; readonly summary: RunSummary }
  | { readonly type: 'interrupted' }
  | { readonly type: 'failed' | 'device'; readonly message: string }
  | { readonly type: 'facts'; readonly facts: DeviceFacts }
  | { readonly type: 'digest'; readonly sha256: string };

const cache = new InputCache();
let controller = new AbortController();

function send(message: ThreadMessage): void {
  if (parentPort !== null) parentPort.postMessage(message);
  else if (process.connected) process.send?.(message);
}

if (parentPort === null) {
  // What ends the command ends this, too, once it has been told to save: a terminal sends Ctrl-C to both at once.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', () => process.exit());
}

(parentPort ?? process).on('message', (task: ThreadTask) => {
  if (task.type === 'stop') return controller.abort(new InterruptedError('interrupted'));
  controller = new AbortController();
  answer(task, controller.signal).then(send, (error: unknown) => {
    if (error instanceof InterruptedError) return send({ type: 'interrupted' });
    const message = error instanceof Error ? error.message : String(error);
    send({ type: error instanceof DeviceError ? 'device' : 'failed', message });
  });
});

async function answer(task: Exclude<ThreadTask, { type: 'stop' }>, signal: AbortSignal): Promise<ThreadMessage> {
  switch (task.type) {
    case 'train':
      return { type: 'done', summary: await trainCell(task, signal) };
    case 'probe':
      return { type: 'facts', facts: await factsOf(task.device, signal) };
    case 'data':
      return { type: 'digest', sha256: datasetDigest(await cache.dataset(task.request, { signal })) };
  }
}

async function trainCell(task: Extract<ThreadTask, { type: 'train' }>, signal: AbortSignal): Promise<RunSummary> {
  const { device, path, command } = task;
  let steps = 0;
  // Which device and folder it is, the sweep has said; warnings of the device are in the run folder's console.log.
  const onEvent = (event: TrainEvent) => {
    if (event.type === 'plan') steps = event.epochs * event.samples;
    if (event.type === 'tracking') send({ type: 'warning', text: event.text });
    if (event.type === 'checkpoint') send({ type: 'checkpoint', nextStep: event.nextStep, steps });
  };
  const context: Context<TrainEvent> = { signal, onEvent, command };
  const begin = () => train({ ...task.options, ...device, out: path }, context, cache);
  const { dataDir, track } = task.options;
  const summary = existsSync(join(path, runFiles.manifest))
    ? await resume({ run: path, ...device, dataDir, track }, context, cache).catch((error: unknown) => {
        // What was left there cannot be gone on with: another priot's, or another place's.
        const other = error instanceof DataError || (error instanceof UsageError && error.code === 'PLACE_DIFFERS');
        if (!other) throw error;
        rmSync(path, { recursive: true });
        return begin();
      })
    : await begin();
  dropSteps(path);
  return summary;
}

async function factsOf(device: DeviceChoice, signal: AbortSignal): Promise<DeviceFacts> {
  const connection = await openDevice(device, { signal });
  try {
    const { hello, place, device: opened } = connection.link;
    const { kind, name } = opened.description;
    const { boardId, arenaBytes, firmwareCommit } = hello;
    const ownFirmware = kind === 'serial' ? isOfPackage(firmwareCommit) : null;
    return { name, place, boardId: hexadecimal(boardId), memoryBytes: arenaBytes, firmwareCommit, ownFirmware };
  } finally {
    await connection.close();
  }
}

/** A board's flash is not read: its firmware is the package's when the package's image holds the commit it names. */
function isOfPackage(commit: string): boolean {
  const path = firmwareImage('emulator');
  return path !== null && commit !== '' && Buffer.from(flashOfImage(readFileSync(path), path)).includes(commit);
}
