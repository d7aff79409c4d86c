/** Runs side by side: what differs in their settings, and which of their numbers may be held against each other. */

import type { Place } from '../device/place.js';
import type { FileChecksum, RunManifest } from './run-manifest.js';
import { type RunRecord, type RunResult, resultOf } from './run-record.js';

export interface ComparedRun extends RunResult {
  run: string;
  place: Place;
  /** The images of the last evaluation; null when there was none. */
  evaluatedOn: { imageSet: string; images: number } | null;
  /** Mean cycles per step over those of the first run; null when there is none or the places differ. */
  cyclesRatio: number | null;
}

export type Setting = string | number | null;

export interface Comparison {
  runs: ComparedRun[];
  /** Settings that are not the same in all runs, with the value in each; null: not set. */
  differences: { setting: string; values: Setting[] }[];
  /** Whether all learned states are the same bytes; null while a run is not done. */
  stateDigestsEqual: boolean | null;
  /** Why numbers were not compared, or what to mind. */
  notes: string[];
}

/** Settings of a run by dotted name: `asked.angle`, `firmware.commit`, `network.weights.bin`. */
function settingsOf(manifest: RunManifest): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  const add = (prefix: string, values: object) => {
    for (const [key, value] of Object.entries(values) as [string, Setting][]) settings.set(`${prefix}.${key}`, value);
  };
  const addFiles = (prefix: string, files: readonly FileChecksum[]) => {
    for (const { name, sha256 } of files) settings.set(`${prefix}.${name}`, sha256);
  };
  const { asked, provenance, place } = manifest;
  add('asked', asked);
  settings.set('place', place);
  add('host', provenance.host);
  add('firmware', provenance.firmware);
  add('device', provenance.device);
  addFiles('network', provenance.network.files);
  settings.set('dataset.source', provenance.dataset.source);
  addFiles('dataset', provenance.dataset.files);
  settings.set('sessionId', provenance.sessionId);
  return settings;
}

function differencesOf(manifests: readonly RunManifest[]): Comparison['differences'] {
  const settings = manifests.map(settingsOf);
  const names = new Set(settings.flatMap((one) => [...one.keys()]));
  const differences: Comparison['differences'] = [];
  for (const setting of names) {
    const values = settings.map((one) => one.get(setting) ?? null);
    if (values.some((value) => value !== values[0])) differences.push({ setting, values });
  }
  return differences;
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Cycles are set in relation only if all runs that have them come from one place. */
export function compareRuns(records: readonly RunRecord[]): Comparison {
  const notes: string[] = [];
  const runs = records.map(({ path, manifest, metrics }): ComparedRun => {
    const curve = metrics.accuracy.at(-1);
    return {
      run: path,
      place: manifest.place,
      ...resultOf(manifest, () => metrics),
      evaluatedOn: curve === undefined ? null : { imageSet: curve.imageSet, images: curve.images },
      cyclesRatio: null,
    };
  });

  const counted = runs.filter((run) => run.cyclesPerStep !== null);
  const places = distinct(counted.map((run) => run.place));
  const first = runs[0]?.cyclesPerStep?.mean;
  if (places.length > 1) {
    notes.push(`cycles come from different places (${places.join(', ')}) and are not compared`);
  } else if (first !== undefined && first > 0) {
    for (const run of counted) run.cyclesRatio = run.cyclesPerStep!.mean / first;
  }
  const uncounted = runs.filter((run) => run.cyclesPerStep === null).map((run) => run.run);
  if (uncounted.length > 0) notes.push(`no cycles were counted in ${uncounted.join(', ')}`);
  if (distinct(runs.map((run) => JSON.stringify(run.evaluatedOn))).length > 1) {
    notes.push('accuracies are over different images');
  }
  const unfinished = runs.filter((run) => !run.done).map((run) => run.run);
  if (unfinished.length > 0) notes.push(`not done, numbers so far: ${unfinished.join(', ')}`);

  return {
    runs,
    differences: differencesOf(records.map((record) => record.manifest)),
    stateDigestsEqual: unfinished.length > 0 ? null : distinct(runs.map((run) => run.stateDigest)).length === 1,
    notes,
  };
}
