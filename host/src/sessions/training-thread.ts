/** A thread with a device of its own: sessions compute for hours, and the process goes on answering meanwhile. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

/** A thread or a process that does tasks. */
interface Doer {
  post(task: ThreadTask): void;
  /** Says from now on who is told of messages, and of its end with why. */
  listen(onMessage: (message: ThreadMessage) => void, onEnd: (why: string) => void): void;
  end(): Promise<void>;
}

const main = new URL('./training-thread-main.js', import.meta.url);

function startThread(): Doer {
  const worker = new Worker(main);
  return {
    post: (task) => worker.postMessage(task),
    listen(onMessage, onEnd) {
      worker.removeAllListeners();
      worker.on('message', onMessage);
      worker.on('error', (error) => onEnd(error instanceof Error ? error.message : String(error)));
      worker.on('exit', () => onEnd('its thread ended'));
    },
    end: async () => {
      await worker.terminate();
    },
  };
}

/** The binding of serial ports works in the main thread of a process alone: in others it ends the process. */
function startProcess(): Doer {
  const child = fork(fileURLToPath(main), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    post: (task) => void (child.connected && child.send(task)),
    listen(onMessage, onEnd) {
      child.removeAllListeners('message').removeAllListeners('error').removeAllListeners('exit');
      child.on('message', onMessage);
      child.on('error', (error) => onEnd(error.message));
      child.on('exit', (status, signal) => onEnd(`its process ended: ${signal ?? `status ${status}`}`));
    },
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/**
 * One thread for one device, or a process where the device is a serial port; it does one thing at a time. It is started when
 * it is first needed.
 */
export class TrainingThread {
  #doer: Doer | undefined;

  /** @param device that it is for: a name as `--device` has it; left out: none */
  constructor(private readonly device?: string) {}

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
    const doer = this.#doer;
    this.#doer = undefined;
    await doer?.end();
  }

  #ask(task: ThreadTask, signal: AbortSignal, events?: CellEvents): Promise<Answer> {
    const { device } = this;
    const isPort = device !== undefined && device !== 'simulator' && device !== 'emulator';
    const doer = this.#doer ?? (isPort ? startProcess() : startThread());
    this.#doer = doer;
    const stop = () => doer.post({ type: 'stop' });
    return new Promise<Answer>((resolve) => {
      doer.listen(
        (message) => {
          if (message.type === 'checkpoint') events?.checkpoint(message.nextStep, message.steps);
          else if (message.type === 'warning') events?.warning(message.text);
          else resolve(message);
        },
        (message) => {
          if (this.#doer === doer) this.#doer = undefined;
          resolve({ type: 'failed', message });
        },
      );
      signal.addEventListener('abort', stop, { once: true });
      doer.post(task);
      if (signal.aborted) stop();
    }).finally(() => signal.removeEventListener('abort', stop));
  }
}
