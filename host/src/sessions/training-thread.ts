/** A thread with a device of its own: sessions compute for hours, and the process goes on answering meanwhile. */
import { Worker } from 'node:worker_threads';
import type { RunSummary } from '../runs/run-manifest.js';
import type { DatasetRequest } from './load-dataset.js';
import type { DeviceChoice } from './open-device.js';
import type { DeviceFacts, ThreadMessage, ThreadTask } from './training-thread-main.js';

export type { DeviceFacts } from './training-thread-main.js';

/** How a cell ended. `device`: the device is gone, and the cell may go to another one. */
export type CellOutcome =
  | { readonly type: 'done'; readonly summary: RunSummary }
  | { readonly type: 'interrupted' }
  | { readonly type: 'failed' | 'device'; readonly message: string };

export type CellTask = Omit<Extract<ThreadTask, { type: 'train' }>, 'type'>;

/** What a thread tells of a cell while it trains it. */
export interface CellEvents {
  /** A checkpoint is saved: the step that comes next, and how many there are. */
  checkpoint(nextStep: number, steps: number): void;
  warning(text: string): void;
}

type Answer = Exclude<ThreadMessage, { type: 'checkpoint' | 'warning' }>;

/** One thread; it does one thing at a time. It is started when it is first needed. */
export class TrainingThread {
  #worker: Worker | undefined;

  /** Trains a cell into its run folder, or goes on with it. `signal` has it saved and left. */
  async train(task: CellTask, signal: AbortSignal, events: CellEvents): Promise<CellOutcome> {
    const answer = await this.#ask({ type: 'train', ...task }, signal, events);
    return answer.type === 'facts' || answer.type === 'digest' ? { type: 'failed', message: 'no answer' } : answer;
  }

  /** Opens a device, asks it who it is, and closes it. Rejects with why it cannot be used. */
  async probe(device: DeviceChoice, signal: AbortSignal): Promise<DeviceFacts> {
    const answer = await this.#ask({ type: 'probe', device }, signal);
    if (answer.type === 'facts') return answer.facts;
    throw new Error('message' in answer ? answer.message : 'interrupted');
  }

  /** Reads a data set and gives its digest. Rejects with why it cannot be read. */
  async dataDigest(request: DatasetRequest, signal: AbortSignal): Promise<string> {
    const answer = await this.#ask({ type: 'data', request }, signal);
    if (answer.type === 'digest') return answer.sha256;
    throw new Error('message' in answer ? answer.message : 'interrupted');
  }

  /** Ends the thread, whatever it does. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #ask(task: ThreadTask, signal: AbortSignal, events?: CellEvents): Promise<Answer> {
    const worker = this.#worker ?? new Worker(new URL('./training-thread-main.js', import.meta.url));
    this.#worker = worker;
    const stop = () => worker.postMessage({ type: 'stop' } satisfies ThreadTask);
    return new Promise<Answer>((resolve) => {
      const ended = (message: string) => {
        this.#worker = undefined;
        resolve({ type: 'failed', message });
      };
      worker.removeAllListeners();
      worker.on('error', (error) => ended(error instanceof Error ? error.message : String(error)));
      worker.on('exit', () => ended('the thread ended'));
      worker.on('message', (message: ThreadMessage) => {
        if (message.type === 'checkpoint') events?.checkpoint(message.nextStep, message.steps);
        else if (message.type === 'warning') events?.warning(message.text);
        else resolve(message);
      });
      signal.addEventListener('abort', stop, { once: true });
      worker.postMessage(task);
      if (signal.aborted) stop();
    }).finally(() => signal.removeEventListener('abort', stop));
  }
}
