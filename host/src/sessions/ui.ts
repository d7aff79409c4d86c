/** Serves the live page over a folder of runs. */
import { existsSync } from 'node:fs';
import { DataError } from '../errors.js';
import { complete } from '../options/option.js';
import { type UiOptions, uiOptions } from '../options/show.js';
import { type LiveServer, serveRuns } from '../report/live/live-server.js';
import { packageDescription } from './package-files.js';

/**
 * Serves the runs below a folder on 127.0.0.1 until it is closed.
 * @throws DataError FILE_MISSING when there is no such folder; UsageError PORT_IN_USE
 */
export async function ui(options: UiOptions = {}): Promise<LiveServer> {
  const { dir, port } = complete('ui', uiOptions, options);
  if (!existsSync(dir)) {
    throw new DataError('FILE_MISSING', `there is no folder ${dir}`, '`priot train` makes runs in the folder runs');
  }
  return serveRuns(dir, port, `Made by priot ${packageDescription().version}.`);
}
