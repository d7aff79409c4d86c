/** A thread of a sweep: trains the cells it is given, on its device, one after another. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { DataError, DeviceError, InterruptedError, UsageError } from '../errors.js';
import type { TrainOptions } from '../options/train.js';
import { dropSteps, runFiles } from '../runs/run-folder.js';
import type { RunSummary } from '../runs/run-manifest.js';
import type { Context, TrainEvent } from './events.js';
import { InputCache } from './inputs.js';
import { resume, train } from './train.js';

/** A cell to train; or that the one under way is to be saved and left. */
export type SweepWorkerTask =
  | {
      readonly device: string;
      readonly options: TrainOptions;
      readonly path: string;
      readonly command: readonly string[];
    }
  | 'stop';

export type SweepWorkerMessage =
  | { type: 'epoch' }
  /** Something of the cell that is not in its run folder: what a tracker was not told. */
  | { type: 'warning'; text: string }
  | { type: 'done'; summary: RunSummary }
  | { type: 'interrupted' }
  | { type: 'failed' | 'device'; message: string };

const port = parentPort!;
const cache = new InputCache();
let controller = new AbortController();

function send(message: SweepWorkerMessage): void {
  port.postMessage(message);
}

// Which device and folder it is, the sweep has said; warnings of the device are in the run folder's console.log.
function onEvent(event: TrainEvent): void {
  if (event.type === 'checkpoint') send({ type: 'epoch' });
  if (event.type === 'tracking') send({ type: 'warning', text: event.text });
}

port.on('message', (task: SweepWorkerTask) => {
  if (task === 'stop') return controller.abort(new InterruptedError('interrupted'));
  controller = new AbortController();
  trainCell(task, controller.signal).then(
    (summary) => send({ type: 'done', summary }),
    (error: unknown) => {
      if (error instanceof InterruptedError) return send({ type: 'interrupted' });
      const message = error instanceof Error ? error.message : String(error);
      send({ type: error instanceof DeviceError ? 'device' : 'failed', message });
    },
  );
});

async function trainCell(task: Exclude<SweepWorkerTask, 'stop'>, signal: AbortSignal): Promise<RunSummary> {
  const { device, path, command } = task;
  const context: Context<TrainEvent> = { signal, onEvent, command };
  const begin = () => train({ ...task.options, device, out: path }, context, cache);
  const { dataDir, track } = task.options;
  const summary = existsSync(join(path, runFiles.manifest))
    ? await resume({ run: path, device, dataDir, track }, context, cache).catch((error: unknown) => {
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
