/** Tells trackers of a run while it goes on: which ones `--track` names, and what they could not be told. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import type { RunEvent } from '../runs/events.js';
import { type RunFolder, runFiles } from '../runs/run-folder.js';
import type { RunSummary } from '../runs/run-manifest.js';
import { type MlflowServer, MlflowTracker, mlflowServer } from '../trackers/mlflow.js';
import { TensorboardTracker } from '../trackers/tensorboard-tracker.js';
import { TrackedMetrics } from '../trackers/tracked-metrics.js';
import type { Artefact, Tracker } from '../trackers/tracker.js';

/** A tracker, before the run folder is known. */
export type TrackTarget =
  | { readonly tracker: 'mlflow'; readonly server: MlflowServer }
  | { readonly tracker: 'tensorboard' | 'dvclive'; readonly folder: string };

/**
 * Reads what `--track` says.
 * @param environment MLflow's address where it is left out, its user, password or token, and its experiment
 * @throws UsageError OPTION_MISSING when no MLflow server is named
 */
export function trackTargets(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): TrackTarget[] {
  return words.map((word): TrackTarget => {
    const [tracker, ...rest] = word.split('=');
    const value = rest.join('=');
    if (tracker === 'mlflow') return { tracker, server: mlflowServerNamed(value || undefined, environment) };
    return { tracker: tracker === 'dvclive' ? tracker : 'tensorboard', folder: value };
  });
}

/**
 * Returns the server of an address, or of the environment where there is none.
 * @throws UsageError OPTION_MISSING
 */
export function mlflowServerNamed(
  address: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): MlflowServer {
  const named = address ?? (environment.MLFLOW_TRACKING_URI || undefined);
  if (named !== undefined && /^https?:/.test(named) && URL.canParse(named)) return mlflowServer(named, environment);
  const what =
    named === undefined ? 'no MLflow server is named' : 'the MLflow server that is named has no http address';
  throw new UsageError('OPTION_MISSING', what, 'name it as http://HOST:PORT, or set MLFLOW_TRACKING_URI to that');
}

/** Returns what `--track` of a sweep means for one of its cells: a folder each, where the tracker writes files. */
export function trackOfCell(words: readonly string[], name: string): string[] {
  return words.map((word) => (word.startsWith('dvclive=') ? join(word, name) : word));
}

/** Returns the files that a tracker may keep beside a run's numbers. */
export function artefactsOf(run: string): Artefact[] {
  return [runFiles.manifest, runFiles.checkpoint]
    .map((name) => ({ name, path: join(run, name) }))
    .filter(({ path }) => existsSync(path));
}

/** Begins to tell trackers of a run; what its folder holds already comes first. */
export async function startTracking(targets: readonly TrackTarget[], folder: RunFolder): Promise<Tracking> {
  const name = basename(resolve(folder.path));
  const trackers = await Promise.all(targets.map((target) => openTracker(target, name)));
  const tracking = new Tracking(trackers, folder.path);
  if (trackers.length === 0) return tracking;
  for (const tracker of trackers) tracker.begin(folder.manifest);
  for (const event of folder.events()) tracking.add(event);
  return tracking;
}

async function openTracker(target: TrackTarget, name: string): Promise<Tracker> {
  if (target.tracker === 'mlflow') return new MlflowTracker(target.server, name);
  // TensorBoard reads the folders below the one it is started on, one run in each
  if (target.tracker === 'tensorboard') return new TensorboardTracker(join(target.folder, name), name);
  // its YAML takes longer to load than a short run takes
  const { DvcliveTracker } = await import('../trackers/dvclive.js');
  return new DvcliveTracker(target.folder);
}

/** The trackers of one run. */
export class Tracking {
  private readonly metrics = new TrackedMetrics();

  constructor(
    private readonly trackers: readonly Tracker[],
    private readonly run: string,
  ) {}

  /** Tells of an event, after the run folder has it. */
  add(event: RunEvent): void {
    if (this.trackers.length === 0) return;
    const metrics = this.metrics.add(event);
    if (metrics.length === 0) return;
    for (const tracker of this.trackers) {
      tracker.add(metrics);
      if (event.type === 'epoch') tracker.flush();
    }
  }

  /** Tells that the run is done. */
  finish(summary: RunSummary): void {
    for (const tracker of this.trackers) tracker.finish(summary, artefactsOf(this.run));
  }

  /** Ends it. Returns what could not be told, a sentence each, with the command that does it later. */
  async close(): Promise<string[]> {
    const problems = await Promise.all(
      this.trackers.map(async (tracker) => {
        const problem = await tracker.close();
        if (problem === undefined) return [];
        const kind = tracker.name.split(' ')[0]!;
        const later = `priot runs export ${kind} ${this.run}${kind === 'mlflow' ? '' : ' --out FOLDER'}`;
        return [`${problem}; to send it later: ${later}`];
      }),
    );
    return problems.flat();
  }
}
