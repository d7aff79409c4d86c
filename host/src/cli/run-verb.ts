/** Runs a verb of the library for the command line: Ctrl-C stops it, what it tells is shown, its result is printed. */
import type { CommonEvent, Context } from '../sessions/events.js';
import type { TerminalOptions } from './command-options.js';
import { Display } from './display.js';
import { listenForInterruption } from './interruption.js';
import { printLines } from './terminal.js';

/**
 * Runs a verb with a terminal around it.
 * @param stopping is printed at the first Ctrl-C
 * @param verb is given what there is to give besides its options, and shows its own events over `display`
 * @param text writes the result for people; `--json` prints the document itself
 */
export async function runVerb<T>(
  { json, quiet }: TerminalOptions,
  stopping: string,
  verb: (context: Context<CommonEvent>, display: Display) => Promise<T>,
  text: (document: T) => string | readonly string[],
): Promise<T> {
  const interruption = listenForInterruption(stopping);
  const display = new Display(quiet === true);
  try {
    const { signal } = interruption;
    const document = await verb({ signal, onEvent: display.show, command: process.argv.slice(2) }, display);
    display.end();
    if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else printLines([text(document)].flat());
    return document;
  } finally {
    display.end();
    interruption.dispose();
  }
}
