/** Shows on standard error what a verb tells: lines for what is so, a bar for what is under way. */
import type { CommonEvent } from '../sessions/events.js';
import { deviceLines } from './device-lines.js';
import { type DownloadProgressDisplay, showDownloads } from './download-progress.js';
import { Progress, type ProgressOutput } from './progress.js';

export class Display {
  #bar: { label: string; progress: Progress } | undefined;
  #downloads: DownloadProgressDisplay | undefined;

  /** Bars are left out when it is `quiet`; lines are not. */
  constructor(
    readonly quiet: boolean,
    private readonly output: ProgressOutput = process.stderr,
  ) {}

  readonly show = (event: CommonEvent): void => {
    switch (event.type) {
      case 'notice':
        this.line(event.text);
        break;
      case 'device':
      case 'device-log':
      case 'reconnect':
        this.end();
        this.output.write(deviceLines(event));
        break;
      case 'download':
        this.#downloads ??= showDownloads(this.output);
        this.#downloads.update(event);
        break;
      case 'progress':
        this.progress(event.what, event.done, event.of, event.text);
    }
  };

  /** Writes a line where the bar was. */
  line(text: string): void {
    this.end();
    this.output.write(`${text}\n`);
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
