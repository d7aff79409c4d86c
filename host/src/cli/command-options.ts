/** The command line's options, made from the tables of options/. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Option as Entry, longName, type Options } from '../options/option.js';

/** Options that only a terminal has. */
export interface TerminalOptions {
  json?: true | undefined;
  quiet?: true | undefined;
}

export const jsonOption = () => new Option('--json', 'print one JSON document on stdout and nothing else there');

export const quietOption = () => new Option('--quiet', 'no progress on stderr');

/**
 * Gives a command the options of a table. Defaults are left to the library: what the command hands on is what
 * the user gave.
 * @param except names of those that the command takes in another way
 */
export function addOptions(command: Command, table: Options, except: readonly string[] = []): void {
  for (const [name, entry] of Object.entries(table)) {
    if (!except.includes(name)) command.addOption(commandOption(name, entry));
  }
}

function commandOption(name: string, entry: Entry<unknown, unknown>): Option {
  const { kind, conflicts, hidden, repeated, required } = entry;
  const negated = kind.placeholder === undefined && entry.default === true;
  const value = kind.placeholder === undefined ? '' : ` <${kind.placeholder}>`;
  const option = new Option(`--${negated ? 'no-' : ''}${longName(name)}${value}`, description(entry));
  if (kind.placeholder !== undefined) {
    option.argParser<unknown>((word, before) => {
      const parsed = kind.parse(word);
      if (parsed === undefined) throw new InvalidArgumentError(kind.rule);
      return repeated && Array.isArray(parsed) && Array.isArray(before) ? [...before, ...parsed] : parsed;
    });
  }
  if (required) option.makeOptionMandatory();
  if (hidden) option.hideHelp();
  if (conflicts !== undefined) option.conflicts([...conflicts]);
  return option;
}

/** Gives the parser of an argument of the table. */
export function argumentParser(entry: Entry<unknown, unknown>): (word: string) => unknown {
  return (word) => {
    const parsed = entry.kind.parse(word);
    if (parsed === undefined) throw new InvalidArgumentError(entry.kind.rule);
    return parsed;
  };
}

/** The help text, with choices and default as commander writes them. */
function description(entry: Entry<unknown, unknown>): string {
  const { help, kind, defaultText } = entry;
  const about: string[] = [];
  if (kind.choices !== undefined) about.push(`choices: ${kind.choices.map((choice) => `"${choice}"`).join(', ')}`);
  if (entry.default !== undefined && kind.placeholder !== undefined) {
    const word = defaultText ?? kind.word(entry.default);
    about.push(`default: ${typeof entry.default === 'string' ? `"${word}"` : word}`);
  }
  return about.length === 0 ? help : `${help} (${about.join(', ')})`;
}
