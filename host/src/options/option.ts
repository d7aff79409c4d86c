/**
 * Options as tables. A table says of each option what values it takes, what it means, its default and which methods have
 * it. The command line's parser and help, the check of a library call, the check of run.json and the parameters of a
 * sweep are made from it.
 */
import { UsageError } from '../errors.js';
import { type Check, optional } from '../json-shape.js';
import type { MethodName } from '../network/network.js';
import type { Kind } from './kinds.js';

/** What there is to say of an option besides its kind and its help. */
export interface Traits<T> {
  /** The value when the option is left out. */
  readonly default?: T;
  /** How help texts write the default, when its word does not do. */
  readonly defaultText?: string;
  readonly required?: true;
  /** The methods that have it; left out: it has nothing to do with methods. */
  readonly methods?: readonly MethodName[];
  /** Options of the same table that it excludes. */
  readonly conflicts?: readonly string[];
  /** The command line takes it several times, one element each. */
  readonly repeated?: true;
  /** A test aid: help texts leave it out. */
  readonly hidden?: true;
}

/** An option: T is its value, R the value's form in run.json. */
export interface Option<T, R = T> extends Traits<T> {
  readonly kind: Kind<T, R>;
  readonly help: string;
}

/** A table of options by their camelCase names. */
export type Options = Readonly<Record<string, Option<unknown, unknown>>>;

/** Makes an entry of a table. */
export function option<T, R, const E extends Traits<NoInfer<T>>>(
  kind: Kind<T, R>,
  help: string,
  traits: E = {} as E,
): { readonly kind: Kind<T, R>; readonly help: string } & E {
  return { kind, help, ...traits };
}

type ValueOf<O> = O extends { readonly kind: Kind<infer T, infer _R> } ? T : never;
type RecordOf<O> = O extends { readonly kind: Kind<infer _T, infer R> } ? R : never;
type KeysWith<C, Trait extends string> = {
  [K in keyof C]: C[K] extends { readonly [T in Trait]: unknown } ? K : never;
}[keyof C];
type Flat<T> = { [K in keyof T]: T[K] };

/** The options as a caller gives them: those that are not required may be left out. */
export type OptionsOf<C> = Flat<
  { readonly [K in KeysWith<C, 'required'>]: ValueOf<C[K]> } & {
    readonly [K in Exclude<keyof C, KeysWith<C, 'required'>>]?: ValueOf<C[K]> | undefined;
  }
>;

/** The options with their defaults filled in. */
export type Complete<C> = Flat<
  {
    readonly [K in KeysWith<C, 'required'> | KeysWith<C, 'default'>]: ValueOf<C[K]>;
  } & {
    readonly [K in Exclude<keyof C, KeysWith<C, 'required'> | KeysWith<C, 'default'>>]?: ValueOf<C[K]>;
  }
>;

/** The options in the form in which run.json has them. */
export type Recorded<C> = Flat<
  { [K in KeysWith<C, 'required'> | KeysWith<C, 'default'>]: RecordOf<C[K]> } & {
    [K in Exclude<keyof C, KeysWith<C, 'required'> | KeysWith<C, 'default'>>]?: RecordOf<C[K]>;
  }
>;

/** The names of the options that are about the method. */
export type MethodOption<C> = KeysWith<C, 'methods'>;

/** Gives an option's name on the command line, without dashes in front: `evalSamples` is `eval-samples`. */
export function longName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Checks what a caller gave against the table and fills in the defaults.
 * @param verb for messages: `train`
 * @throws UsageError UNKNOWN_OPTION, OPTION_REFUSED, OPTION_MISSING, OPTIONS_CONFLICT naming the option
 */
export function complete<C extends Options>(verb: string, table: C, given: OptionsOf<C>): Complete<C> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) {
      throw new UsageError(
        'UNKNOWN_OPTION',
        `${verb} has no option ${name}`,
        `there are ${Object.keys(table).join(', ')}`,
      );
    }
    if (value === undefined) continue;
    if (!option.kind.is(value)) throw refused(name, value, option);
    values[name] = value;
  }
  for (const [name, option] of Object.entries(table)) {
    if (values[name] === undefined && option.required) {
      throw new UsageError('OPTION_MISSING', `${verb} needs the option ${name}: ${option.help}`);
    }
    const excluded = isGiven(values[name]) ? option.conflicts?.find((other) => isGiven(values[other])) : undefined;
    if (excluded !== undefined) {
      throw new UsageError('OPTIONS_CONFLICT', `${name} and ${excluded} exclude each other`, 'leave one of them out');
    }
  }
  for (const [name, option] of Object.entries(table)) {
    if (values[name] === undefined && option.default !== undefined) values[name] = option.default;
  }
  return values as Complete<C>;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false;
}

/**
 * Gives the value that a file says, a number or a text, as the option takes it.
 * @throws UsageError OPTION_REFUSED naming the option
 */
export function valueIn(name: string, option: Option<unknown, unknown>, scalar: string | number): unknown {
  if (option.kind.is(scalar)) return scalar;
  const value = typeof scalar === 'string' ? option.kind.parse(scalar) : undefined;
  if (value === undefined) throw refused(name, scalar, option);
  return value;
}

function refused(name: string, value: unknown, { kind }: Option<unknown, unknown>): UsageError {
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  return new UsageError('OPTION_REFUSED', `${name} is ${shown ?? String(value)}. ${kind.rule}`);
}

/** Gives the arguments of the command line that say the same, one for each option: `--angle=45`. */
export function words<C extends Options>(table: C, given: OptionsOf<C>): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const option = table[name];
    if (value === undefined || option === undefined) return [];
    if (typeof value === 'boolean') return value ? [`--${longName(name)}`] : [`--no-${longName(name)}`];
    const values = option.repeated && Array.isArray(value) ? value.map((element) => [element]) : [value];
    return values.map((each) => `--${longName(name)}=${option.kind.word(each)}`);
  });
}

/** Gives options in the form in which run.json has them. Those that were left out stay out. */
export function record<C extends Options>(table: C, complete: Complete<C>): Recorded<C> {
  const entries = Object.entries(table).flatMap(([name, { kind }]) => {
    const value = (complete as Record<string, unknown>)[name];
    return value === undefined ? [] : [[name, kind.record(value)]];
  });
  return Object.fromEntries(entries) as Recorded<C>;
}

/** Gives the checks of that form, for `shape`. */
export function recordedChecks<C extends Options>(
  table: C,
): { [K in keyof C]-?: Check<Recorded<C>[K & keyof Recorded<C>]> } {
  const checks = Object.entries(table).map(([name, { kind, ...traits }]) => [
    name,
    traits.required || traits.default !== undefined ? kind.recorded : optional(kind.recorded),
  ]);
  return Object.fromEntries(checks);
}
