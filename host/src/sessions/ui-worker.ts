/** A thread that serves the live page (ui-beside.ts starts it). */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, PriotError } from '../errors.js';
import type { UiOptions } from '../options/show.js';
import type { LiveServer } from '../report/live/live-server.js';
import { ui } from './ui.js';

/** `close` ends the thread. */
export type UiWorkerTask = 'tell when unwatched' | 'close';

export type UiWorkerMessage =
  | { readonly type: 'serving'; readonly address: string }
  | { readonly type: 'unwatched' }
  | {
      readonly type: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly remedy: string | undefined;
    };

const port = parentPort!;

function send(message: UiWorkerMessage): void {
  port.postMessage(message);
}

function listen(server: LiveServer): void {
  port.on('message', (task: UiWorkerTask) => {
    if (task === 'close') void server.close().then(() => port.close());
    else void server.unwatched().then(() => send({ type: 'unwatched' }));
  });
  send({ type: 'serving', address: server.address });
}

ui(workerData as UiOptions).then(listen, (error: unknown) => {
  if (!(error instanceof PriotError)) throw error;
  const { code, message, remedy } = error;
  send({ type: 'failed', code, message, remedy });
});
