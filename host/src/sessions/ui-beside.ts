/** Serves the live page from a thread of its own. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PriotError } from '../errors.js';
import type { UiOptions } from '../options/show.js';
import type { LiveServer } from '../report/live/live-server.js';
import type { UiWorkerMessage, UiWorkerTask } from './ui-worker.js';

/**
 * Serves what `ui` does from a thread of its own, so that drawing pages takes no time from a session in this one.
 * @throws as ui
 */
export async function uiBeside(options: UiOptions = {}): Promise<LiveServer> {
  const worker = new Worker(new URL('./ui-worker.js', import.meta.url), { workerData: options });
  // it keeps no process alive that has nothing else to do
  worker.unref();
  const [begun] = (await once(worker, 'message')) as [UiWorkerMessage];
  if (begun.type === 'failed') throw new PriotError(begun.code, begun.message, begun.remedy);
  const { address } = begun as Extract<UiWorkerMessage, { type: 'serving' }>;
  const ask = async (task: UiWorkerTask, event: 'message' | 'exit') => {
    const answered = once(worker, event);
    worker.ref();
    worker.postMessage(task);
    await answered;
  };
  return {
    address,
    unwatched: () => ask('tell when unwatched', 'message'),
    close: () => ask('close', 'exit'),
  };
}
