/** Reads a JSON object key by key; every error names file, place, key, value and what is allowed. */
import { DataError } from '../errors.js';

/** A value as it reads in an error message, cut short. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** One object of a JSON file. `place` says where it is: `network.json`, `network.json: layer conv1`. */
export class JsonObject {
  private readonly fields: Readonly<Record<string, unknown>>;

  /** Throws DataError NETWORK_MALFORMED when `value` is no object. */
  constructor(
    value: unknown,
    readonly place: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new DataError('NETWORK_MALFORMED', `${place}: must be a JSON object, is ${shown(value)}`);
    }
    this.fields = value as Record<string, unknown>;
  }

  has(key: string): boolean {
    return this.fields[key] !== undefined;
  }

  /** An integer in minimum..maximum. */
  integer(key: string, minimum: number, maximum: number): number {
    return this.checkInteger(this.fields[key], `"${key}"`, minimum, maximum);
  }

  boolean(key: string): boolean {
    const value = this.fields[key];
    if (typeof value !== 'boolean') this.fail(`"${key}"`, value, 'must be true or false');
    return value;
  }

  /** A non-empty string of at most 64 characters without control characters. */
  name(key: string): string {
    const value = this.fields[key];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be in a name
    if (typeof value !== 'string' || value === '' || value.length > 64 || /[\u0000-\u001f]/.test(value)) {
      this.fail(`"${key}"`, value, 'must be a string of 1 to 64 characters');
    }
    return value;
  }

  /** One of the values allowed. */
  oneOf<T extends string | number>(key: string, allowed: readonly T[]): T {
    const value = this.fields[key];
    if (!allowed.includes(value as T)) this.fail(`"${key}"`, value, `must be one of ${allowed.join(', ')}`);
    return value as T;
  }

  /** An array of at least one element, and of `length` elements when that is given. */
  array(key: string, length?: number): readonly unknown[] {
    const value = this.fields[key];
    if (!Array.isArray(value) || value.length === 0) this.fail(`"${key}"`, value, 'must be a list that is not empty');
    if (length !== undefined && value.length !== length) {
      this.fail(`"${key}"`, value, `must have ${length} elements, has ${value.length}`);
    }
    return value;
  }

  /** An array of `length` integers in minimum..maximum. */
  integers(key: string, length: number, minimum: number, maximum: number): number[] {
    return this.array(key, length).map((value, index) =>
      this.checkInteger(value, `"${key}"[${index}]`, minimum, maximum),
    );
  }

  object(key: string): JsonObject {
    return new JsonObject(this.fields[key], `${this.place}: "${key}"`);
  }

  /** Throws: `place: key is value, rule`. */
  fail(key: string, value: unknown, rule: string): never {
    throw new DataError('NETWORK_MALFORMED', `${this.place}: ${key} is ${shown(value)}; it ${rule}`);
  }

  private checkInteger(value: unknown, key: string, minimum: number, maximum: number): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum) {
      this.fail(key, value, `must be an integer in ${minimum}..${maximum}`);
    }
    return value;
  }
}
