/** A run as a report shows it: its manifest, its account, and what is wrong with it or missing. */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Place } from '../device/place.js';
import { DataError, PriotError } from '../errors.js';
import { readEvents } from '../runs/metrics-file.js';
import { readManifest, runFiles } from '../runs/run-folder.js';
import type { RunManifest } from '../runs/run-manifest.js';
import { RunAccount } from './run-account.js';

/** Metrics beyond this size are not read: no session of priot writes as many, and a page must not take minutes. */
export const MAX_METRICS_BYTES = 256 * 1024 * 1024;

/** A run that a report is about. */
export interface ReportRun {
  /** The path as given. */
  readonly path: string;
  /** Short and unique within the report. */
  readonly name: string;
  readonly place: Place;
  readonly manifest: RunManifest;
  readonly account: RunAccount;
  /** Sentences about what is wrong with its files. */
  readonly problems: readonly string[];
}

/**
 * Reads a run folder, following no link out of it. Metrics that are damaged count up to the damage, and `problems` says so.
 * @throws DataError NOT_A_RUN, RUN_MALFORMED, RUN_VERSION
 */
export function readReportRun(path: string, name = basename(resolve(path))): ReportRun {
  if (leadsOut(path, join(path, runFiles.manifest))) {
    throw new DataError(
      'RUN_MALFORMED',
      `${join(path, runFiles.manifest)} is a link out of the run folder: it is not read`,
      'name the folder that the link leads to',
    );
  }
  const manifest = readManifest(path);
  const account = new RunAccount();
  const problems: string[] = [];
  const metrics = join(path, runFiles.metrics);
  try {
    const reason = refusal(path, metrics);
    if (reason === undefined) for (const event of readEvents(metrics)) account.add(event);
    else problems.push(reason);
  } catch (error) {
    if (!(error instanceof PriotError)) throw error;
    problems.push(`${error.message}; what is shown is up to there`);
  }
  if (account.droppedEvents() > 0) problems.push(droppedText(account.droppedEvents()));
  return { path, name, place: manifest.place, manifest, account, problems };
}

/** Says that events other than steps were left out. */
export function droppedText(events: number): string {
  return `${events.toLocaleString('en')} events beyond the first 20,000 that are no steps are left out`;
}

/** Why the file is not read; undefined when it may be. */
function refusal(folder: string, file: string): string | undefined {
  const status = lstatSync(file, { throwIfNoEntry: false });
  if (status === undefined) return `${runFiles.metrics} is missing: only run.json is shown`;
  if (leadsOut(folder, file)) {
    return `${runFiles.metrics} is a link out of the run folder: it is not read`;
  }
  const { size } = statSync(file);
  if (!statSync(file).isFile()) return `${runFiles.metrics} is no file: it is not read`;
  if (size > MAX_METRICS_BYTES) {
    return `${runFiles.metrics} has ${size.toLocaleString('en')} bytes, more than the ${MAX_METRICS_BYTES.toLocaleString('en')} that are read`;
  }
  return undefined;
}

/** Tells whether a file is a link that leads out of a folder, or nowhere. */
function leadsOut(folder: string, file: string): boolean {
  if (!lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return false;
  try {
    return !realpathSync(file).startsWith(`${realpathSync(folder)}/`);
  } catch {
    return true;
  }
}
