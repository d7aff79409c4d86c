/** Kinds of option values: how each is written as a word, checked, and recorded in run.json. */
import {
  text as anyText,
  type Check,
  count,
  finite,
  oneOf,
  flag as trueOrFalse,
  integer as wholeNumber,
} from '../json-shape.js';

/** A kind of value. T is the value as functions take it, R its form in run.json. */
export interface Kind<T, R = T> {
  /** Stands for the value in help texts: `n`, `folder`; a flag has none. */
  readonly placeholder?: string;
  /** What a value must be, as a sentence. */
  readonly rule: string;
  /** All values there are, where they are few. */
  readonly choices?: readonly string[];
  is(value: unknown): value is T;
  /** The value that a word of the command line means; undefined: it means none. */
  parse(word: string): T | undefined;
  /** The word that means the value. */
  word(value: T): string;
  record(value: T): R;
  /** Checks that form, as a Check<R> does. */
  recorded(value: unknown, path: string): readonly string[];
}

/** A kind whose values are recorded as they are. */
function plain<T>(kind: Omit<Kind<T>, 'record' | 'recorded'> & { readonly recorded: Check<T> }): Kind<T> {
  return { ...kind, record: (value) => value };
}

/** Makes the kind of a whole number in minimum..maximum. */
export function integer(minimum: number, maximum: number, placeholder = 'n'): Kind<number> {
  const is = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
  return plain({
    placeholder,
    rule: `It must be an integer in ${minimum}..${maximum}.`,
    is,
    parse: (word) => (/^-?\d+$/.test(word) && is(Number(word)) ? Number(word) : undefined),
    word: String,
    recorded: minimum < 0 ? wholeNumber : count,
  });
}

/** Makes the kind of a number in minimum..maximum, fractions included. */
export function number(minimum: number, maximum: number, placeholder: string, what = 'a number'): Kind<number> {
  const is = (value: unknown): value is number =>
    typeof value === 'number' && Number.isFinite(value) && value >= minimum && value <= maximum;
  return plain({
    placeholder,
    rule: `It must be ${what} in ${minimum}..${maximum}.`,
    is,
    parse: (word) =>
      /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) && is(Number(word)) ? Number(word) : undefined,
    word: String,
    recorded: finite,
  });
}

/** Makes the kind of a text that is not empty. */
export function text(placeholder: string): Kind<string> {
  const is = (value: unknown): value is string => typeof value === 'string' && value !== '';
  return plain({
    placeholder,
    rule: 'It must be a text that is not empty.',
    is,
    parse: (word) => (is(word) ? word : undefined),
    word: (value) => value,
    recorded: anyText,
  });
}

/** Makes the kind of one of several texts. */
export function choice<T extends string>(choices: readonly T[], placeholder = 'name'): Kind<T> {
  const is = (value: unknown): value is T => choices.includes(value as T);
  return plain({
    placeholder,
    rule: `Allowed choices are ${choices.join(', ')}.`,
    choices,
    is,
    parse: (word) => (is(word) ? word : undefined),
    word: (value) => value,
    recorded: oneOf(...choices),
  });
}

/** Something that is so or not. On the command line its name alone says that it is. */
export const flag: Kind<boolean> = plain({
  rule: 'It must be true or false.',
  is: (value): value is boolean => typeof value === 'boolean',
  parse: (word) => (word === 'true' ? true : word === 'false' ? false : undefined),
  word: String,
  recorded: trueOrFalse,
});

/**
 * Makes the kind of several different values of another; with commas between them on the command line, and recorded so.
 */
export function listOf<T>(kind: Kind<T>, placeholder = 'list'): Kind<readonly T[], string> {
  const is = (value: unknown): value is readonly T[] =>
    Array.isArray(value) && value.length > 0 && value.every((item) => kind.is(item));
  const word = (values: readonly T[]) => values.map((value) => kind.word(value)).join(',');
  return {
    placeholder,
    rule: `It must be a list, with commas between its elements. Of each: ${kind.rule}`,
    is,
    parse: (word) => {
      const values = word.split(',').map((part) => kind.parse(part));
      return is(values) ? values : undefined;
    },
    word,
    record: word,
    recorded: anyText,
  };
}

const MAX_EPOCHS = 9999;

/** Ascending numbers of epochs; `16,24` on the command line, and recorded so. */
export const epochList: Kind<readonly number[], string> = {
  ...listOf(integer(1, MAX_EPOCHS), 'epochs'),
  rule: 'It must be a list of ascending numbers of epochs, as 16,24.',
  is: isAscending,
  parse: (word) => {
    const parts = word.split(',');
    const epochs = parts.map(Number);
    return parts.every((part) => /^[1-9]\d{0,3}$/.test(part)) && isAscending(epochs) ? epochs : undefined;
  },
};

function isAscending(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (epoch, index) =>
        Number.isInteger(epoch) && epoch >= 1 && epoch <= MAX_EPOCHS && (index === 0 || epoch > value[index - 1]),
    )
  );
}

/** A share above 0 and up to 1 with at most three decimals; recorded as permille. */
export const share: Kind<number> = {
  placeholder: 'share',
  rule: 'It must be a share above 0 and up to 1, with at most three decimals, as 0.1.',
  is: isShare,
  parse: (word) => (/^(\d*\.\d{1,3}|\d+)$/.test(word) && isShare(Number(word)) ? Number(word) : undefined),
  word: String,
  record: (value) => Math.round(value * 1000),
  recorded: count,
};

function isShare(value: unknown): value is number {
  if (typeof value !== 'number' || !(value > 0 && value <= 1)) return false;
  return Math.abs(value * 1000 - Math.round(value * 1000)) < 1e-9;
}
