/** A thread of `priot sweep`: trains the cells it is given, on its device, one after another. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { DataError, DeviceError, InterruptedError, UsageError } from '../errors.js';
import { dropSteps, runFiles } from '../runs/run-folder.js';
import type { RunSummary } from '../runs/run-manifest.js';
import type { SessionEvent } from '../training/session.js';
import { InputStore } from './run-inputs.js';
import { type FinishedRun, type RunReporter, resumeRun, startRun, type TrainOptions } from './training-run.js';

/** A cell to train; or that the one under way is to be saved and left. */
export type SweepWorkerTask =
  | { device: string; options: TrainOptions; path: string; command: readonly string[] }
  | 'stop';

export type SweepWorkerMessage =
  | { type: 'epoch' }
  | { type: 'notice'; text: string }
  | { type: 'done'; summary: RunSummary }
  | { type: 'interrupted' }
  | { type: 'failed' | 'device'; message: string };

const port = parentPort!;
const inputs = new InputStore();
let controller = new AbortController();

function send(message: SweepWorkerMessage): void {
  port.postMessage(message);
}

const reporter: RunReporter = {
  // Which device and folder it is, the sweep has said; warnings of the device are in the run folder's console.log.
  notice: () => {},
  begin: () => {},
  show: (event: SessionEvent) => {
    if (event.type === 'checkpoint') send({ type: 'epoch' });
  },
  end: () => {},
};

port.on('message', (task: SweepWorkerTask) => {
  if (task === 'stop') return controller.abort(new InterruptedError('interrupted'));
  controller = new AbortController();
  train(task, controller.signal).then(
    ({ summary }) => send({ type: 'done', summary }),
    (error: unknown) => {
      if (error instanceof InterruptedError) return send({ type: 'interrupted' });
      const message = error instanceof Error ? error.message : String(error);
      send({ type: error instanceof DeviceError ? 'device' : 'failed', message });
    },
  );
});

async function train(task: Exclude<SweepWorkerTask, 'stop'>, signal: AbortSignal): Promise<FinishedRun> {
  const { device, path, command } = task;
  const options = { ...task.options, device, out: path };
  const surroundings = { inputs, reporter, command };
  const finished = existsSync(join(path, runFiles.manifest))
    ? await resumeRun(options, path, signal, surroundings).catch((error: unknown) => {
        // What was left there cannot be gone on with: another priot's, or another place's.
        const other = error instanceof DataError || (error instanceof UsageError && error.code === 'PLACE_DIFFERS');
        if (!other) throw error;
        rmSync(path, { recursive: true });
        return startRun(options, signal, surroundings);
      })
    : await startRun(options, signal, surroundings);
  dropSteps(path);
  return finished;
}
