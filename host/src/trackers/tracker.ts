/** What a tracker is: it is told of a run while it goes on, or afterwards from its folder. */
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';
import type { TrackedMetric } from './tracked-metrics.js';

/** A file of the run folder that belongs to the result. */
export interface Artefact {
  readonly name: string;
  readonly path: string;
}

/** Takes the metrics of one run. None of its methods but `close` waits for anything, and none throws. */
export interface Tracker {
  /** The name in messages: `mlflow http://…`, `tensorboard logs`. */
  readonly name: string;
  /** The run begins, or goes on. */
  begin(manifest: RunManifest): void;
  add(metrics: readonly TrackedMetric[]): void;
  /** Shows soon what was added: an evaluation is what people wait for. */
  flush(): void;
  /** The run is done. `artefacts`: files that a tracker with a place for such keeps with it. */
  finish(summary: RunSummary, artefacts: readonly Artefact[]): void;
  /**
   * Writes or sends what is left, at most for a bounded time.
   * @returns what could not be written or sent, as a sentence; undefined when all was
   */
  close(): Promise<string | undefined>;
}

/** Keeps the first problem of a tracker that writes files: it never ends a session, and is told at the session's end. */
export class FirstProblem {
  /** A sentence; undefined: there was none. */
  text: string | undefined;

  constructor(private readonly name: string) {}

  /** Does the work, unless there was a problem before. */
  guard(work: () => void): void {
    if (this.text !== undefined) return;
    try {
      work();
    } catch (error) {
      this.text = `${this.name}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}
