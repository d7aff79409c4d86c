/** The console lines of a device on their way into console.log. */
import type { RunFolder } from '../runs/run-folder.js';

/** Console lines are kept until there is a run folder, and go into it from then on. */
export class ConsoleLog {
  #lines: string[] = [];
  #folder: RunFolder | undefined;

  readonly add = (line: string): void => {
    if (this.#folder === undefined) this.#lines.push(line);
    else this.#folder.console(line);
  };

  connect(folder: RunFolder): void {
    this.#folder = folder;
    for (const line of this.#lines) folder.console(line);
    this.#lines = [];
  }
}
