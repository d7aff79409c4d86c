/** Runs as they are read: for showing, comparing and exporting. Nothing here writes. */

import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PriotError } from '../errors.js';
import { storageError } from '../files.js';
import { readManifest, runEvents, runFiles } from './run-folder.js';
import type { CycleStatistics, RunManifest } from './run-manifest.js';
import { type RunMetrics, summariseMetrics } from './run-metrics.js';

export interface RunRecord {
  /** The path of the folder, as given. */
  path: string;
  manifest: RunManifest;
  metrics: RunMetrics;
}

/** Streams through metrics.jsonl once. @throws DataError NOT_A_RUN, RUN_MALFORMED, METRICS_MALFORMED */
export function readRun(path: string): RunRecord {
  const manifest = readManifest(path);
  return { path, manifest, metrics: summariseMetrics(runEvents(path)) };
}

/** The result of a run that is done, and what is known so far of one that is not. Accuracies 0..1. */
export interface RunResult {
  done: boolean;
  steps: number;
  accuracy: { before: number | null; after: number | null; best: number | null };
  cyclesPerStep: CycleStatistics | null;
  /** null until the run is done. */
  stateDigest: string | null;
}

export function resultOf(manifest: RunManifest, metrics: () => RunMetrics): RunResult {
  const { summary } = manifest;
  if (summary !== undefined) {
    const { steps, accuracy, cyclesPerStep, stateDigest } = summary;
    return { done: true, steps, accuracy, cyclesPerStep, stateDigest };
  }
  const { steps, accuracy, cyclesPerStep } = metrics();
  const curve = accuracy.at(-1);
  return {
    done: false,
    steps,
    accuracy: {
      before: curve?.before ?? null,
      after: curve?.epochs.at(-1)?.accuracy ?? null,
      best: curve?.best?.accuracy ?? null,
    },
    cyclesPerStep,
    stateDigest: null,
  };
}

/** A run in a list: readable, or with what is wrong with it. */
export type ListedRun =
  | { path: string; manifest: RunManifest; result: RunResult }
  | { path: string; error: { code: string; message: string } };

/** How deep below a folder runs are looked for: `runs/sweeps/NAME/RUN`, and some more. */
const LIST_DEPTH = 6;

/**
 * Lists the runs in a folder and in the folders below it, oldest first; a damaged one is listed as such. What begins with a dot, and
 * links below the folder itself, are passed over.
 * @throws DataError FILE_MISSING, NO_PERMISSION
 */
export function listRuns(folder: string): ListedRun[] {
  const paths: string[] = [];
  const look = (path: string, depth: number) => {
    let entries: Dirent[];
    try {
      entries = readdirSync(path, { withFileTypes: true });
    } catch (error) {
      if (depth === 1) throw storageError(error, path);
      return; // somebody else's folder
    }
    for (const entry of entries) {
      const below = join(path, entry.name);
      if (existsSync(join(below, runFiles.manifest))) paths.push(below);
      else if (entry.isDirectory() && !entry.name.startsWith('.') && depth < LIST_DEPTH) look(below, depth + 1);
    }
  };
  look(folder, 1);
  const runs: ListedRun[] = [];
  for (const path of paths) {
    try {
      const manifest = readManifest(path);
      const result = resultOf(manifest, () => summariseMetrics(runEvents(path)));
      runs.push({ path, manifest, result });
    } catch (error) {
      if (!(error instanceof PriotError)) throw error;
      if (error.code !== 'NOT_A_RUN') runs.push({ path, error: { code: error.code, message: error.message } });
    }
  }
  const created = (run: ListedRun) => ('manifest' in run ? run.manifest.createdAt : '');
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return runs.sort((a, b) => order(created(a), created(b)) || order(a.path, b.path));
}
