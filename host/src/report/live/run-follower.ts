/** Follows a run's metrics while another process writes them: each update reads only what was appended. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { PriotError } from '../../errors.js';
import { parseEvent } from '../../runs/metrics-file.js';
import { runFiles } from '../../runs/run-folder.js';
import { droppedText, MAX_METRICS_BYTES, type ReportRun } from '../report-run.js';
import { RunAccount } from '../run-account.js';
import type { IndexedRun } from './run-index.js';

const BLOCK_BYTES = 1 << 18;
const LONGEST_LINE_BYTES = 1 << 20;
const LINE_FEED = 0x0a;

/** The account of one run, kept up to date. */
export class RunFollower {
  private account = new RunAccount();
  private offset = 0;
  private lines = 0;
  private problem: string | undefined;

  constructor(private readonly path: string) {}

  /** Reads what has been appended. A file that was cut (its run was resumed) is read anew. */
  update(run: IndexedRun): ReportRun {
    if (run.metricsBytes < this.offset) this.restart();
    if (run.metricsBytes > MAX_METRICS_BYTES) this.problem = `${runFiles.metrics} is too large to be read`;
    if (this.problem === undefined && run.metricsBytes > this.offset) this.readTo(run.metricsBytes);
    const { manifest } = run;
    if (manifest === undefined) throw new Error('only a run with a manifest can be followed');
    return {
      path: run.path,
      name: run.name,
      place: manifest.place,
      manifest,
      account: this.account,
      problems: this.problems(run),
    };
  }

  private problems({ metricsLinked }: IndexedRun): string[] {
    if (metricsLinked) return [`${runFiles.metrics} is a link: it is not read`];
    const dropped = this.account.droppedEvents();
    return [
      ...(this.problem === undefined ? [] : [`${this.problem}; what is shown is up to there`]),
      ...(dropped === 0 ? [] : [droppedText(dropped)]),
    ];
  }

  private restart(): void {
    this.account = new RunAccount();
    this.offset = 0;
    this.lines = 0;
    this.problem = undefined;
  }

  private readTo(end: number): void {
    const file = openSync(join(this.path, runFiles.metrics), 'r');
    try {
      let rest: Buffer = Buffer.alloc(0);
      for (let at = this.offset; at < end; ) {
        const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, end - at));
        const length = readSync(file, block, 0, block.length, at);
        if (length === 0) break;
        at += length;
        rest = Buffer.concat([rest, block.subarray(0, length)]);
        rest = this.takeLines(rest);
        if (rest.length > LONGEST_LINE_BYTES) {
          this.problem = `line ${this.lines + 1} of ${runFiles.metrics} has more than ${LONGEST_LINE_BYTES} bytes`;
        }
        if (this.problem !== undefined) return;
      }
    } finally {
      closeSync(file);
    }
  }

  /** Takes whole lines; what is left is the beginning of the next one. */
  private takeLines(bytes: Buffer): Buffer {
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
      this.lines += 1;
      try {
        this.account.add(parseEvent(bytes.toString('utf8', from, end), `${runFiles.metrics}:${this.lines}`));
      } catch (error) {
        if (!(error instanceof PriotError)) throw error;
        this.problem = error.message;
        return bytes.subarray(from);
      }
      this.offset += end + 1 - from;
      from = end + 1;
    }
    return bytes.subarray(from);
  }
}
