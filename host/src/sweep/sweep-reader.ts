/** Reads values of a sweep file; every complaint names the file and the key. */
import { DataError } from '../errors.js';

/** An option's value as the file has it: a number, or a text. */
export type Scalar = string | number;

export type YamlMap = Readonly<Record<string, unknown>>;

export class SweepReader {
  /**
   * Makes a reader.
   * @param path of the file, for messages
   */
  constructor(private readonly path: string) {}

  malformed(message: string, options?: ErrorOptions): DataError {
    return new DataError('SWEEP_MALFORMED', `${this.path}: ${message}`, 'see docs/sweeps.md', options);
  }

  map(value: unknown, what: string): YamlMap {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as YamlMap;
    throw this.malformed(`${what} must be a map of keys and values`);
  }

  /** Refuses other keys, all at once. */
  allow(map: YamlMap, keys: readonly string[], what: string): void {
    const unknown = Object.keys(map).filter((key) => !keys.includes(key));
    if (unknown.length > 0) {
      throw this.malformed(`${what} has the key ${unknown.join(', ')}; there are ${keys.join(', ')}`);
    }
  }

  scalar(value: unknown, what: string): Scalar {
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value === 'boolean') return String(value);
    throw this.malformed(
      `${what} is ${value === null ? 'empty' : JSON.stringify(value)}; it must be a word or a number`,
    );
  }

  word(value: unknown, what: string): string {
    return String(this.scalar(value, what));
  }

  number(value: unknown, what: string): number {
    const number = typeof value === 'string' && value !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw this.malformed(`${what} must be a number`);
  }

  count(value: unknown, what: string): number {
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
    throw this.malformed(`${what} must be a whole number above 0`);
  }
}
