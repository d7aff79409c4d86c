/** What a tracker is: it is told of a run while it goes on, or afterwards from its folder. */
import type { RunEvent } from '../runs/events.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';

/** A file of the run folder that belongs to the result. */
export interface Artefact {
  readonly name: string;
  readonly path: string;
}

/** Takes the events of one run. None of its methods but `close` waits for anything, and none throws. */
export interface Tracker {
  /** The name in messages: `mlflow http://…`, `tensorboard logs`. */
  readonly name: string;
  /** The run begins, or goes on. */
  begin(manifest: RunManifest): void;
  add(event: RunEvent): void;
  /** The run is done. `artefacts`: files that a tracker with a place for such keeps with it. */
  finish(summary: RunSummary, artefacts: readonly Artefact[]): void;
  /**
   * Writes or sends what is left, at most for a bounded time.
   * @returns what could not be written or sent, as a sentence; undefined when all was
   */
  close(): Promise<string | undefined>;
}
