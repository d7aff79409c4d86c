/** Writes a TensorBoard event file while a run goes on. */
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../files.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';
import { otherEventFile, TensorboardRecords, tensorboardFileName } from './tensorboard.js';
import type { TrackedMetric } from './tracked-metrics.js';
import { FirstProblem, type Tracker } from './tracker.js';

/** Records between two writes; TensorBoard looks at the file every few seconds. */
const BATCH = 16;

/** Writes the event file of one run into a folder of its own. The file of an earlier attempt is replaced. */
export class TensorboardTracker implements Tracker {
  readonly name: string;
  private records: TensorboardRecords | undefined;
  private file = '';
  private pending: Uint8Array[] = [];
  private readonly problem: FirstProblem;

  /**
   * Makes a tracker.
   * @param folder is made when it is not there
   * @param runName part of the file's name
   */
  constructor(
    private readonly folder: string,
    private readonly runName: string,
  ) {
    this.name = `tensorboard ${folder}`;
    this.problem = new FirstProblem(this.name);
  }

  begin(manifest: RunManifest): void {
    this.problem.guard(() => {
      makeFolder(this.folder);
      const name = tensorboardFileName(this.runName, manifest.createdAt);
      const other = otherEventFile(readdirSync(this.folder), name);
      if (other !== undefined) throw new Error(`the folder holds the events of another run, ${other}`);
      this.file = join(this.folder, name);
      const records = new TensorboardRecords(manifest);
      writeFileSync(this.file, Buffer.concat(records.begin()));
      this.records = records;
    });
  }

  add(metrics: readonly TrackedMetric[]): void {
    this.put(this.records?.add(metrics) ?? []);
    if (this.pending.length >= BATCH) this.flush();
  }

  finish(summary: RunSummary): void {
    this.put(this.records?.finish(summary) ?? []);
  }

  close(): Promise<string | undefined> {
    this.flush();
    return Promise.resolve(this.problem.text);
  }

  private put(records: readonly Uint8Array[]): void {
    if (this.problem.text === undefined) this.pending.push(...records);
  }

  flush(): void {
    const records = this.pending;
    this.pending = [];
    if (records.length > 0) this.problem.guard(() => appendFileSync(this.file, Buffer.concat(records)));
  }
}
