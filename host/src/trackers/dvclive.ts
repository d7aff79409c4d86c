/**
 * DVCLive's folder: plain files that DVC and its editor extensions read (its own sources: dvclive/plots/metric.py, dvc.py).
 *
 *     params.yaml                what was asked
 *     metrics.json               the last value of each metric, nested at `/`
 *     plots/metrics/NAME.tsv     step and value, a line per value
 *     dvc.yaml                   says where the three are
 */
import { appendFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { makeFolder, replaceFile } from '../files.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';
import { type TrackedMetric, trackedParameters, trackedResult } from './tracked-metrics.js';
import { FirstProblem, type Tracker } from './tracker.js';

const REMEDY = 'make room, or choose another disk';
/** Values between two writes of the files. */
const BATCH = 256;

/** Writes a DVCLive folder while a run goes on. A folder of an earlier run is replaced. */
export class DvcliveTracker implements Tracker {
  readonly name: string;
  private pending: TrackedMetric[] = [];
  private readonly last = new Map<string, number>();
  private readonly problem: FirstProblem;

  /**
   * Opens the folder.
   * @param folder is made when it is not there
   */
  constructor(private readonly folder: string) {
    this.name = `dvclive ${folder}`;
    this.problem = new FirstProblem(this.name);
  }

  begin(manifest: RunManifest): void {
    this.problem.guard(() => {
      makeFolder(join(this.folder, 'plots', 'metrics'));
      rmSync(join(this.folder, 'plots', 'metrics'), { recursive: true, force: true });
      makeFolder(join(this.folder, 'plots', 'metrics'));
      this.write('params.yaml', stringify(trackedParameters(manifest)));
      this.write(
        'dvc.yaml',
        stringify({ params: ['params.yaml'], metrics: ['metrics.json'], plots: [{ 'plots/metrics': { x: 'step' } }] }),
      );
    });
  }

  add(metrics: readonly TrackedMetric[]): void {
    this.pending.push(...metrics);
    if (this.pending.length >= BATCH) this.flush();
  }

  finish(summary: RunSummary): void {
    const result = Object.entries(trackedResult(summary));
    for (const [name, value] of result) this.last.set(name, value);
  }

  close(): Promise<string | undefined> {
    this.flush();
    return Promise.resolve(this.problem.text);
  }

  flush(): void {
    const values = this.pending;
    this.pending = [];
    this.problem.guard(() => {
      const lines = new Map<string, string[]>();
      for (const { name, value, step } of values) {
        this.last.set(name, value);
        lines.set(name, [...(lines.get(name) ?? []), `${step}\t${value}\n`]);
      }
      for (const [name, rows] of lines) this.appendPlot(name, rows);
      this.write('metrics.json', `${JSON.stringify(nested(this.last), null, 2)}\n`);
    });
  }

  private appendPlot(name: string, rows: readonly string[]): void {
    const parts = name.split('/').map(fileName);
    const file = `${join(this.folder, 'plots', 'metrics', ...parts)}.tsv`;
    makeFolder(dirname(file));
    const begun = statSync(file, { throwIfNoEntry: false }) !== undefined;
    appendFileSync(file, `${begun ? '' : `step\t${parts.at(-1)}\n`}${rows.join('')}`);
  }

  private write(name: string, text: string): void {
    replaceFile(join(this.folder, name), [Buffer.from(text)], REMEDY);
  }
}

/** A name of a metric's part as a file's name: sets of images may be called anything. */
function fileName(part: string): string {
  return part.replace(/[^\w.\- ]/g, '_').replace(/^\.+$/, '_');
}

function nested(values: ReadonlyMap<string, number>): object {
  const root: Record<string, unknown> = Object.create(null);
  for (const [name, value] of values) {
    const parts = name.split('/');
    let at = root;
    for (const part of parts.slice(0, -1)) {
      if (typeof at[part] !== 'object') at[part] = Object.create(null);
      at = at[part] as Record<string, unknown>;
    }
    at[parts.at(-1)!] = value;
  }
  return root;
}
