/** Hands a run's events to another tool: as CSV, to TensorBoard, DVCLive or MLflow. */
import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DataError, FailedError } from '../errors.js';
import { makeFolder, replaceFile } from '../files.js';
import { batches } from '../runs/batches.js';
import { readManifest, runEvents } from '../runs/run-folder.js';
import { type CsvEvents, csvLines } from '../trackers/csv.js';
import { DvcliveTracker } from '../trackers/dvclive.js';
import { MlflowTracker } from '../trackers/mlflow.js';
import { otherEventFile, tensorboardFileName, tensorboardRecords } from '../trackers/tensorboard.js';
import { TrackedMetrics } from '../trackers/tracked-metrics.js';
import type { Tracker } from '../trackers/tracker.js';
import { artefactsOf, mlflowServerNamed } from './tracking.js';

const REMEDY = 'make room, or choose another disk with --out';

/**
 * Gives the lines of a run's CSV, with their line feeds.
 * @throws DataError NOT_A_RUN, RUN_MALFORMED, RUN_VERSION; METRICS_MALFORMED as it is read
 */
export function csvOfRun(run: string, events: CsvEvents): Iterable<string> {
  readManifest(run);
  return csvLines(runEvents(run), events);
}

/**
 * Writes a run's event file for TensorBoard. A second export of the same run replaces the first.
 * @param out folder, made when it is missing
 * @returns the file
 * @throws DataError NOT_A_RUN, EXPORT_FOLDER_TAKEN when the folder holds the events of another run
 */
export function exportTensorboard(run: string, out: string): string {
  const manifest = readManifest(run);
  const name = tensorboardFileName(basename(resolve(run)), manifest.createdAt);
  makeFolder(out, REMEDY);
  const other = otherEventFile(readdirSync(out), name);
  if (other !== undefined) {
    throw new DataError(
      'EXPORT_FOLDER_TAKEN',
      `${out} holds the events of another run, ${other}: TensorBoard would draw both as one`,
      `give each run a folder of its own: --out ${join(out, basename(resolve(run)))}`,
    );
  }
  const file = join(out, name);
  replaceFile(file, batches(tensorboardRecords(manifest, runEvents(run))), REMEDY);
  return file;
}

/** Writes a run as DVCLive's folder, which is replaced. @throws DataError NOT_A_RUN; FailedError TRACKER_FAILED */
export async function exportDvclive(run: string, out: string): Promise<void> {
  await tell(new DvcliveTracker(out), run);
}

/**
 * Sends a run to an MLflow server. A run that was sent before goes on with what is missing.
 * @param url left out: the environment's MLFLOW_TRACKING_URI
 * @param environment user, password or token, as MLflow's own clients read them
 * @returns where it was sent, without user and password
 * @throws UsageError OPTION_MISSING; DataError NOT_A_RUN; FailedError TRACKER_FAILED naming what was not sent
 */
export async function exportMlflow(
  run: string,
  url: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ address: string }> {
  const server = mlflowServerNamed(url, environment);
  await tell(new MlflowTracker(server, basename(resolve(run))), run);
  return { address: server.address };
}

async function tell(tracker: Tracker, run: string): Promise<void> {
  const manifest = readManifest(run);
  tracker.begin(manifest);
  const metrics = new TrackedMetrics();
  for (const event of runEvents(run)) tracker.add(metrics.add(event));
  if (manifest.summary !== undefined) tracker.finish(manifest.summary, artefactsOf(run));
  const problem = await tracker.close();
  if (problem !== undefined) throw new FailedError('TRACKER_FAILED', problem, 'give the same command again');
}
