/**
 * Standard output and standard error, which may be a terminal, a file on a full disk, or a pipe whose reader has gone.
 * Results go to standard output: what cannot be written there is an error, unless nobody reads it (`| head`). Everything
 * else goes to standard error: when that is gone, the work goes on all the same.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PriotError } from '../errors.js';
import { storageError } from '../files.js';
import { batches } from '../runs/batches.js';

/** Where text for people goes, and what it is. */
export interface TextOutput {
  write(text: string): unknown;
  /** Whether it takes escape sequences, so that a line can be rewritten; a terminal with TERM=dumb does not. */
  readonly rewrites: boolean;
  /** How many characters fit on a line; undefined: it is no terminal, and lines are as long as they are. */
  readonly columns: number | undefined;
}

/** What is used of a stream such as standard error. */
interface TextStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Describes a stream for those who write text to it. */
export const textOutput = (stream: TextStream): TextOutput => ({
  write: (text) => stream.write(text),
  get rewrites() {
    return stream.isTTY === true && process.env.TERM !== 'dumb';
  },
  get columns() {
    return stream.isTTY ? (stream.columns ?? 80) : undefined;
  },
});

export const standardError = textOutput(process.stderr);
export const standardOutput = textOutput(process.stdout);

let failure: PriotError | undefined;

/** Listens for errors of both streams, from now on, so that none of them ends the process. */
export function guardStreams(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') return;
    const { code, message, remedy } = storageError(error, 'standard output');
    failure ??= new PriotError(code, message, remedy); // one line: the cause says no more
  });
}

/** Waits until standard output has what was written to it. @throws CapacityError DISK_FULL, DataError: it could not take it */
export async function flushOutput(): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  // the error is told one turn after the callback
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (failure !== undefined) throw failure;
}

/** Prints a result: lines for people, which a terminal gets wrapped at words. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${wrapped(oneLine(line), standardOutput.columns)}\n`).join(''));
}

/** Prints pieces of text as they are, at the reader's pace. */
export async function printPieces(pieces: Iterable<string>): Promise<void> {
  let mine: unknown;
  const guarded = function* () {
    const all = batches(pieces)[Symbol.iterator]();
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = all.next();
      } catch (error) {
        mine = error;
        throw error;
      }
      if (next.done) return;
      yield next.value; // not within the try: a stream throws its own errors in here
    }
  };
  try {
    await pipeline(Readable.from(guarded()), process.stdout, { end: false });
  } catch {
    // an error of standard output itself is told by flushOutput
    if (mine !== undefined) throw mine;
  }
}

/** Makes control characters visible, which would break a line or change the terminal: `\n`, `\x1b`. */
export function oneLine(text: string): string {
  const names: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return names[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/**
 * Breaks a line that is longer than `columns` between words, so that a terminal does not cut it within one. What follows
 * begins below the second column of the line, if it has columns, else two characters further in. Commands in backticks
 * stay whole, as does a word that is longer than the line.
 */
export function wrapped(line: string, columns: number | undefined): string {
  if (columns === undefined || line.length <= columns) return line;
  const [lead = ''] = /^ *(?:\S{1,24}(?: \S{1,24}){0,2} {2,}(?=\S))?/.exec(line) ?? [];
  const indent =
    lead.trim() === '' || lead.length > columns / 2 ? lead.length - lead.trimStart().length + 2 : lead.length;
  const lines: string[] = [];
  let current = lead;
  let empty = true;
  for (const [word, spaces = ''] of line.slice(lead.length).matchAll(/(?:`[^`]*`|\S)+( *)/g)) {
    const bare = word.slice(0, word.length - spaces.length);
    if (!empty && current.length + bare.length > columns) {
      lines.push(current.trimEnd());
      current = ' '.repeat(indent);
    }
    current += word;
    empty = false;
  }
  lines.push(current.trimEnd());
  return lines.join('\n');
}
