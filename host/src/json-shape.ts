/**
 * The one validator of parsed JSON and YAML: run folders, networks, conformance cases, sweep files. A `Check<T>` is a
 * function that lists what is wrong with a value; none means that the value is a T. Checks are typed, so that a check
 * that does not belong to the declared type of a field does not compile.
 */

import { DataError } from './errors.js';

declare const checked: unique symbol;

/** Lists what keeps a value from being a T, such as `summary.steps is -1; it must be a whole number from 0`. */
export interface Check<T> {
  /** `path` is where the value stands: `summary.steps`, or a label that ends in a colon, `layer conv1:`; '' for all. */
  (value: unknown, path: string): readonly string[];
  /** Never there: it makes a Check of one type unfit for a field of another one, wider or narrower. */
  readonly [checked]?: (value: T) => T;
}

/** The type that a check stands for. */
export type Checked<C> = C extends Check<infer T> ? T : never;

const nothing: readonly string[] = [];

/** Returns a value as it reads in a message, cut to 60 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Returns the path of a key below `path`. */
export function keyPath(path: string, key: string): string {
  if (path === '') return key;
  return path.endsWith(':') ? `${path} ${key}` : `${path}.${key}`;
}

/** Returns one complaint: what stands at `path`, and what must stand there. */
export function complaint(path: string, value: unknown, mustBe: string): string {
  const what = path === '' ? 'the document' : path.replace(/:$/, '');
  return `${what} is ${value === undefined ? 'missing' : shown(value)}; it must be ${mustBe}`;
}

/** Makes a check of a test and the words for what passes it. */
export function must<T>(be: string, test: (value: unknown) => boolean): Check<T> {
  return (value, path) => (test(value) ? nothing : [complaint(path, value, be)]);
}

export const text = must<string>('text', (value) => typeof value === 'string');
export const flag = must<boolean>('true or false', (value) => typeof value === 'boolean');
export const finite = must<number>('a number', (value) => Number.isFinite(value));
export const integer = must<number>('a whole number', (value) => Number.isSafeInteger(value));
export const count = must<number>(
  'a whole number from 0',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const fraction = must<number>('a number 0..1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
export const amount = must<number>('a number from 0', (value) => Number.isFinite(value) && (value as number) >= 0);
export const timestamp = must<string>(
  'a time as ISO 8601',
  (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
);
/** Lets everything through, a missing key too. */
export const anything: Check<unknown> = () => nothing;

/** Checks for a whole number in minimum..maximum. */
export function integerIn(minimum: number, maximum: number): Check<number> {
  return must(
    `a whole number in ${minimum}..${maximum}`,
    (value) => Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
  );
}

/** Checks for lower-case hexadecimal of so many bytes. */
export function hexadecimal(bytes: number): Check<string> {
  const pattern = new RegExp(`^[0-9a-f]{${2 * bytes}}$`);
  return must(`${2 * bytes} hexadecimal digits`, (value) => typeof value === 'string' && pattern.test(value));
}

/** Checks for text of 1 to `longest` characters without control characters: a name. */
export function name(longest: number): Check<string> {
  return must(`text of 1 to ${longest} characters`, (value) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be in a name
    return typeof value === 'string' && value !== '' && value.length <= longest && !/[\u0000-\u001f]/.test(value);
  });
}

/** Checks for one of the values. All values of T must be given where T is a union of them. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Check<T> {
  return must(`one of ${values.join(', ')}`, (value) => values.includes(value as T));
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? nothing : check(value, path));
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, path) => (value === undefined ? nothing : check(value, path));
}

const list = must<readonly unknown[]>('a list', Array.isArray);

/** Checks for a list, of `length` entries where that is given, that all pass `check`. */
export function listOf<T>(check: Check<T>, length?: number): Check<T[]> {
  return (value, path) => {
    const complaints = list(value, path);
    if (complaints.length > 0) return complaints;
    const entries = value as unknown[];
    if (length !== undefined && entries.length !== length) {
      return [complaint(path, value, `a list of ${length} entries, and has ${entries.length}`)];
    }
    return gather(entries, (entry, index) => check(entry, `${path}[${index}]`));
  };
}

export const object = must<Readonly<Record<string, unknown>>>(
  'an object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

/** A check for every key of T. */
export type Fields<T> = { readonly [K in keyof Required<T>]: Check<T[K]> };

/** Checks an object key by key. Keys beyond T's are let through, so that newer files stay readable. */
export function shape<T>(fields: Fields<T>): Check<T> {
  const entries = Object.entries<Check<unknown>>(fields as Record<string, Check<unknown>>);
  return (value, path) => {
    const complaints = object(value, path);
    if (complaints.length > 0) return complaints;
    const own = value as Record<string, unknown>;
    return gather(entries, ([key, check]) => check(Object.hasOwn(own, key) ? own[key] : undefined, keyPath(path, key)));
  };
}

/**
 * Checks an object as `shape` does and refuses every key that T does not have, these first.
 * `hint` may say what to write instead of such a key.
 */
export function closedShape<T>(fields: Fields<T>, hint?: (key: string) => string | undefined): Check<T> {
  const known = Object.keys(fields);
  const open = shape(fields);
  return (value, path) => {
    const complaints = object(value, path);
    if (complaints.length > 0) return complaints;
    const unknown = Object.keys(value as object).filter((key) => !known.includes(key));
    return [
      ...unknown.map(
        (key) => `${keyPath(path, key)} is no key here: ${hint?.(key) ?? `there are ${known.join(', ')}`}`,
      ),
      ...open(value, path),
    ];
  };
}

/** Most complaints that one message lists. */
const MOST_LISTED = 20;

/** Makes the error for the complaints on a file: one behind its name, several one a line. */
export function complaintError(
  code: DataError['code'],
  file: string,
  complaints: readonly string[],
  remedy?: string,
): DataError {
  if (complaints.length === 1) return new DataError(code, `${file}: ${complaints[0]}`, remedy);
  const more = complaints.length - MOST_LISTED;
  const details = [...complaints.slice(0, MOST_LISTED), ...(more > 0 ? [`and ${more} more`] : [])];
  return new DataError(code, `${file}: ${complaints.length} things are wrong:`, remedy, { details });
}

/** Concatenates complaints; the common case, none, allocates nothing. */
function gather<T>(items: readonly T[], check: (item: T, index: number) => readonly string[]): readonly string[] {
  let all: string[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const complaints = check(items[index]!, index);
    if (complaints.length === 0) continue;
    all ??= [];
    for (const text of complaints) all.push(text);
  }
  return all ?? nothing;
}
