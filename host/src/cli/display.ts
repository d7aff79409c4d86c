/** Shows on standard error what a verb tells: lines for what is so, a bar for what is under way. */
import type { CommonEvent } from '../sessions/events.js';
import { openedText, panicText } from './device-lines.js';
import { type DownloadProgressDisplay, showDownloads } from './download-progress.js';
import { Progress } from './progress.js';
import { oneLine, standardError, type TextOutput, wrapped } from './terminal.js';

export class Display {
  #bar: { label: string; progress: Progress } | undefined;
  #downloads: DownloadProgressDisplay | undefined;

  /** When it is `quiet`, only what has gone wrong is shown. */
  constructor(
    readonly quiet: boolean,
    private readonly output: TextOutput = standardError,
  ) {}

  readonly show = (event: CommonEvent): void => {
    switch (event.type) {
      case 'notice':
        if (event.warning) this.warn(event.text);
        else this.line(event.text);
        break;
      case 'device':
        this.line(openedText(event));
        if (event.lastPanic !== null) this.warn(panicText(event.lastPanic));
        break;
      case 'device-log':
        this.warn(`device: ${event.level}: ${oneLine(event.text)}`);
        break;
      case 'reconnect':
        this.warn(`${event.text}; attempt ${event.attempt} of ${event.of} to get it back`);
        break;
      case 'download':
        if (this.quiet) break;
        this.#downloads ??= showDownloads(this.output);
        this.#downloads.update(event);
        break;
      case 'progress':
        this.progress(event.what, event.done, event.of, event.text);
    }
  };

  /** How many characters fit on a line of a terminal that shows more than plain lines; undefined: it is none. */
  get columns(): number | undefined {
    return this.output.rewrites ? this.output.columns : undefined;
  }

  /** Writes a line, or several, where the bar was. */
  line(text: string): void {
    if (!this.quiet) this.warn(text);
  }

  /** Writes a line that is shown even when it is quiet. */
  warn(text: string): void {
    this.end();
    for (const line of text.split('\n')) this.output.write(`${wrapped(oneLine(line), this.output.columns)}\n`);
  }

  /** Shows that `done` of `total` are done; another label is another bar. */
  progress(label: string, done: number, total: number, text?: string): void {
    if (this.#bar?.label !== label) {
      this.end();
      this.#bar = { label, progress: new Progress(label, total, this.quiet, done, this.output) };
    }
    this.#bar.progress.update(done, text);
  }

  /** Takes the bar off the terminal. */
  end(): void {
    this.#bar?.progress.finish();
    this.#bar = undefined;
    this.#downloads?.end();
    this.#downloads = undefined;
  }
}
