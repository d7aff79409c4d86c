/** Progress on stderr: a bar that is redrawn on a terminal, now and then a plain line elsewhere. */

const REDRAW_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5_000;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001b[K';

/** Where progress goes: a stream, and what it is. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

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
    private readonly output: ProgressOutput = process.stderr,
    private readonly nowMs: NowMs = () => performance.now(),
  ) {
    this.startedMs = nowMs();
    this.shownMs = output.isTTY ? Number.NEGATIVE_INFINITY : this.startedMs;
  }

  /** Shows `done` of the total, when it is time. `note` follows the speed and the time left. */
  update(done: number, note = ''): void {
    if (this.quiet) return;
    const nowMs = this.nowMs();
    if (nowMs - this.shownMs < (this.output.isTTY ? REDRAW_INTERVAL_MS : LINE_INTERVAL_MS)) return;
    this.shownMs = nowMs;
    const line = this.line(done, nowMs, note);
    if (this.output.isTTY) {
      this.output.write(`${CLEAR_LINE}${line.slice(0, (this.output.columns ?? 80) - 1)}`);
      this.drawn = true;
    } else {
      this.output.write(`${line}\n`);
    }
  }

  /** Takes the bar off the terminal. */
  finish(): void {
    if (this.drawn) this.output.write(CLEAR_LINE);
    this.drawn = false;
  }

  private line(done: number, nowMs: number, note: string): string {
    const parts = [`${this.label} ${bar(done / this.total)} ${done}/${this.total}`];
    const counted = done - this.doneBefore;
    if (counted > 0) {
      const each = (nowMs - this.startedMs) / counted;
      parts.push(`${milliseconds(each)} each, ${duration((this.total - done) * each)} left`);
    }
    if (note !== '') parts.push(note);
    return parts.join('  ');
  }
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

function bar(share: number): string {
  const filled = Math.round(share * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`;
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
