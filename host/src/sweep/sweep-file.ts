/**
 * Sweep files (docs/sweeps.md): YAML with the keys of Weights & Biases (method, metric, parameters, run_cap). A file says
 * which sessions to run; what an option means and takes is `priot train`'s business.
 */
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parse, YAMLError } from 'yaml';
import { DataError } from '../errors.js';

/** An option's value as the file has it: a number, or a text. */
export type Scalar = string | number;
export type Parameters = Readonly<Record<string, Scalar>>;

export interface SweepCell {
  /** The `label` of its entry, for tables; undefined without one. */
  readonly label: string | undefined;
  /** Options of `train` by their long names without dashes in front. */
  readonly parameters: Parameters;
}

export interface SweepMetric {
  /** Path into the summary of a run: `accuracy.after`. */
  readonly name: string;
  readonly goal: 'maximize' | 'minimize';
}

export interface Sweep {
  readonly name: string;
  readonly metric: SweepMetric;
  /** The cells in the order of the file; the last parameter varies fastest. */
  readonly cells: readonly SweepCell[];
}

const DEFAULT_METRIC: SweepMetric = { name: 'accuracy.after', goal: 'maximize' };
const MAX_CELLS = 100_000;

/**
 * Reads a sweep file.
 * @throws DataError SWEEP_MISSING, SWEEP_MALFORMED naming the key
 */
export function loadSweep(path: string): Sweep {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DataError('SWEEP_MISSING', `${path} cannot be read`, 'give the path of a sweep file: docs/sweeps.md', {
      cause,
    });
  }
  return parseSweep(text, path);
}

/** `path` names the sweep when the file does not, and stands in messages. */
export function parseSweep(text: string, path: string): Sweep {
  const file = new SweepFile(path);
  let document: unknown;
  try {
    document = parse(text, { merge: true });
  } catch (cause) {
    throw file.malformed(cause instanceof YAMLError ? cause.message.split('\n', 1)[0]! : 'not YAML', { cause });
  }
  const root = file.map(document, 'the file');
  file.allow(root, ['name', 'description', 'method', 'metric', 'parameters', 'run_cap'], 'the file');
  const name = root.name === undefined ? basename(path, extname(path)) : file.word(root.name, 'name');
  const cells = file.cells(root);
  const cap = root.run_cap;
  if (cap !== undefined && !(Number.isInteger(cap) && (cap as number) > 0)) {
    throw file.malformed('run_cap must be a whole number above 0');
  }
  return { name, metric: file.metric(root.metric), cells: cells.slice(0, (cap as number | undefined) ?? cells.length) };
}

type YamlMap = Readonly<Record<string, unknown>>;

class SweepFile {
  constructor(private readonly path: string) {}

  malformed(message: string, options?: ErrorOptions): DataError {
    return new DataError('SWEEP_MALFORMED', `${this.path}: ${message}`, 'see docs/sweeps.md', options);
  }

  map(value: unknown, what: string): YamlMap {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as YamlMap;
    throw this.malformed(`${what} must be a map of keys and values`);
  }

  allow(map: YamlMap, keys: readonly string[], what: string): void {
    const unknown = Object.keys(map).find((key) => !keys.includes(key));
    if (unknown !== undefined) {
      throw this.malformed(`${what} has the key ${unknown}; there are ${keys.join(', ')}`);
    }
  }

  scalar(value: unknown, what: string): Scalar {
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.malformed(`${what} must be a word or a number`);
  }

  word(value: unknown, what: string): string {
    return String(this.scalar(value, what));
  }

  metric(value: unknown): SweepMetric {
    if (value === undefined) return DEFAULT_METRIC;
    const map = this.map(value, 'metric');
    this.allow(map, ['name', 'goal'], 'metric');
    const goal = map.goal ?? 'maximize';
    if (goal !== 'maximize' && goal !== 'minimize') throw this.malformed('goal must be maximize or minimize');
    return { name: map.name === undefined ? DEFAULT_METRIC.name : this.word(map.name, 'metric.name'), goal };
  }

  cells(root: YamlMap): SweepCell[] {
    if (root.method === 'grid') return this.grid(this.map(root.parameters, 'parameters'), undefined, 'parameters');
    if (root.method !== 'list') {
      throw this.malformed('method must be grid (one map of parameters) or list (several, one after another)');
    }
    if (!Array.isArray(root.parameters)) throw this.malformed('with method list, parameters must be a list of maps');
    return root.parameters.flatMap((entry, index) => {
      const what = `parameters[${index}]`;
      const { label, ...parameters } = this.map(entry, what);
      return this.grid(parameters, label === undefined ? undefined : this.word(label, `${what}.label`), what);
    });
  }

  /** Every combination of the values. */
  private grid(parameters: YamlMap, label: string | undefined, what: string): SweepCell[] {
    let combinations: Record<string, Scalar>[] = [{}];
    for (const [key, value] of Object.entries(parameters)) {
      const option = key.replaceAll('_', '-');
      const values = this.values(value, `${what}.${key}`);
      if (combinations.length * values.length > MAX_CELLS) throw this.malformed(`more than ${MAX_CELLS} sessions`);
      combinations = combinations.flatMap((chosen) => values.map((scalar) => ({ ...chosen, [option]: scalar })));
    }
    return combinations.map((chosen) => ({ label, parameters: chosen }));
  }

  private values(parameter: unknown, what: string): Scalar[] {
    const map = this.map(parameter, what);
    this.allow(map, ['value', 'values'], what);
    if ((map.value === undefined) === (map.values === undefined)) {
      throw this.malformed(`${what} must have either value or values`);
    }
    if (map.value !== undefined) return [this.scalar(map.value, `${what}.value`)];
    if (!Array.isArray(map.values) || map.values.length === 0) throw this.malformed(`${what}.values must be a list`);
    return map.values.map((value) => this.scalar(value, `${what}.values`));
  }
}
