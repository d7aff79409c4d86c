/** Serves the live page over a folder of runs, or over those of a queue. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { complete } from '../options/option.js';
import { type UiOptions, uiOptions } from '../options/show.js';
import { type LiveServer, serveRuns } from '../report/live/live-server.js';
import { packageDescription } from './package-files.js';

/**
 * Serves the runs below a folder, or those of a queue, on 127.0.0.1 until it is closed.
 * @throws DataError FILE_MISSING when there is no such folder; UsageError PORT_IN_USE, QUEUE_ADDRESS_REFUSED; FailedError
 *   QUEUE_CLIENT_MISSING, QUEUE_UNREACHABLE, QUEUE_REFUSED
 */
export async function ui(options: UiOptions = {}): Promise<LiveServer> {
  const { dir, port, queue } = complete('ui', uiOptions, options);
  if (queue !== undefined) return queueUi(queue, port);
  if (!existsSync(dir)) {
    throw new DataError('FILE_MISSING', `there is no folder ${dir}`, '`priot train` makes runs in the folder runs');
  }
  return serveRuns(dir, port, `Made by priot ${packageDescription().version}.`);
}

/** Serves a folder that is kept like the queue, and goes with the server. */
async function queueUi(queue: string, port: number): Promise<LiveServer> {
  const { queueAddress } = await import('../fleet/queue-address.js');
  const { FleetStore } = await import('../fleet/store.js');
  const { QueueMirror } = await import('./queue-mirror.js');
  const store = await FleetStore.open(queueAddress(queue));
  const folder = mkdtempSync(join(tmpdir(), 'priot-queue-'));
  const stop = new AbortController();
  const end = () => {
    stop.abort(new Error('closed'));
    store.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const mirror = new QueueMirror(store, folder);
    await mirror.update();
    const server = await serveRuns(folder, port, `Made by priot ${packageDescription().version}.`);
    const following = mirror.follow(stop.signal);
    return {
      ...server,
      close: async () => {
        stop.abort(new Error('closed'));
        await following;
        await server.close();
        end();
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}
