/** Progress on stderr: a bar that is redrawn on a terminal, now and then a plain line elsewhere. */

import { standardError, type TextOutput } from './terminal.js';

const REDRAW_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5_000;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001b[K';

/** Real milliseconds: progress is about the user's time. */
type NowMs = () => number;

/** One thing that is under way. Nothing is written when `quiet`. */
export class Progress {
  private readonly startedMs: number;
  private shownMs: number;
  private drawn = false;

  constructor(
    private readonly label: string,
    private readonly total: number,
    private readonly quiet: boolean,
    /** How many were done before this began: they tell nothing about speed. */
    private readonly doneBefore = 0,
    private readonly output: TextOutput = standardError,
    private readonly nowMs: NowMs = () => performance.now(),
  ) {
    this.startedMs = nowMs();
    this.shownMs = output.rewrites ? Number.NEGATIVE_INFINITY : this.startedMs;
  }

  /** Shows `done` of the total, when it is time. `note` follows the speed and the time left. */
  update(done: number, note = ''): void {
    if (this.quiet) return;
    const nowMs = this.nowMs();
    if (nowMs - this.shownMs < (this.output.rewrites ? REDRAW_INTERVAL_MS : LINE_INTERVAL_MS)) return;
    this.shownMs = nowMs;
    const line = this.line(done, nowMs, note);
    if (this.output.rewrites) this.output.write(`${CLEAR_LINE}${line}`);
    else this.output.write(`${line}\n`);
    this.drawn = this.output.rewrites;
  }

  /** Takes the bar off the terminal. */
  finish(): void {
    if (this.drawn) this.output.write(CLEAR_LINE);
    this.drawn = false;
  }

  /** The fullest line that fits: first the bar gets shorter and goes, then the note, then the speed. */
  private line(done: number, nowMs: number, note: string): string {
    const { label, total } = this;
    const room = (this.output.columns ?? Number.POSITIVE_INFINITY) - 1;
    const count = `${done}/${total}`;
    const counted = done - this.doneBefore;
    const each = (nowMs - this.startedMs) / counted;
    const left = counted > 0 ? [`${duration((total - done) * each)} left`] : [];
    const speed = counted > 0 ? [`${milliseconds(each)} each, ${left[0]}`] : [];
    const notes = note === '' ? [] : [note];
    const heads = [BAR_WIDTH, BAR_WIDTH / 2, BAR_WIDTH / 4].map(
      (width) => `${label} ${bar(done / total, width)} ${count}`,
    );
    const plain = `${label} ${count}`;
    const choices = [
      ...[...heads, plain].map((head) => [head, ...speed, ...notes]),
      [plain, ...left, ...notes],
      [plain, ...left],
    ];
    return choices.map((parts) => parts.join('  ')).find((line) => line.length <= room) ?? count;
  }
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, share) * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

/** Writes a time as `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
