/**
 * Sweep files (docs/sweeps.md): YAML with the keys of Weights & Biases (method, metric, parameters, run_cap). A file says
 * which sessions to run; what an option means and takes is `priot train`'s business.
 */
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parse, YAMLError } from 'yaml';
import { DataError } from '../errors.js';
import { seed0, Xorshift32 } from '../random.js';
import { type Requirements, readRequirements } from './requirements.js';
import { type ParameterValues, readParameter } from './sweep-parameters.js';
import { type Scalar, SweepReader, type YamlMap } from './sweep-reader.js';

export type Parameters = Readonly<Record<string, Scalar>>;

export interface SweepCell {
  /** The `label` of its entry, for tables; undefined without one. */
  readonly label: string | undefined;
  /** Options of `train` by their long names without dashes in front. */
  readonly parameters: Parameters;
  /** What it asks of the board that trains it; undefined: nothing. */
  readonly requires?: Requirements;
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

/** Keys of a file; those of the last line are for the agent of Weights & Biases and mean nothing here. */
const keys = [
  ...['name', 'description', 'method', 'metric', 'parameters', 'run_cap', 'random_seed', 'early_terminate', 'requires'],
  ...['program', 'command', 'project', 'entity'],
];

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

/** Parses a sweep file. `path` names the sweep when the file does not, and stands in messages. */
export function parseSweep(text: string, path: string): Sweep {
  const reader = new SweepReader(path);
  let document: unknown;
  try {
    document = parse(text, { merge: true });
  } catch (cause) {
    throw reader.malformed(cause instanceof YAMLError ? cause.message.split('\n', 1)[0]! : 'not YAML', { cause });
  }
  const root = reader.map(document, 'the file');
  reader.allow(root, keys, 'the file');
  if (root.early_terminate !== undefined) {
    throw reader.malformed('early_terminate is not there: sessions run to their end; give them fewer epochs instead');
  }
  const name = root.name === undefined ? basename(path, extname(path)) : reader.word(root.name, 'name');
  if (/[/\\]|^\.*$/.test(name)) throw reader.malformed(`name is ${name}: it names a folder, so without / and \\`);
  const cap = root.run_cap === undefined ? undefined : reader.count(root.run_cap, 'run_cap');
  const required = readRequirements(reader, root.requires, 'requires');
  const cells = cellsOf(reader, root, cap).map((cell) => {
    const requires = { ...required, ...cell.requires };
    return Object.keys(requires).length === 0 ? cell : { ...cell, requires };
  });
  return { name, metric: metricOf(reader, root.metric), cells: cells.slice(0, cap ?? cells.length) };
}

function metricOf(reader: SweepReader, value: unknown): SweepMetric {
  if (value === undefined) return DEFAULT_METRIC;
  const map = reader.map(value, 'metric');
  reader.allow(map, ['name', 'goal'], 'metric');
  const goal = map.goal ?? 'maximize';
  if (goal !== 'maximize' && goal !== 'minimize') throw reader.malformed('goal must be maximize or minimize');
  return { name: map.name === undefined ? DEFAULT_METRIC.name : reader.word(map.name, 'metric.name'), goal };
}

function cellsOf(reader: SweepReader, root: YamlMap, cap: number | undefined): SweepCell[] {
  switch (root.method ?? 'grid') {
    case 'grid':
      return grid(reader, parametersOf(reader, root.parameters, 'parameters'), undefined);
    case 'random':
      return random(reader, root, cap);
    case 'list':
      return list(reader, root.parameters);
    case 'bayes':
      throw reader.malformed(
        'method bayes chooses sessions by the results of others, so a sweep could not be repeated: take random with run_cap, or grid',
      );
    default:
      throw reader.malformed(
        'method must be grid (every combination), random (drawn, with run_cap) or list (several grids)',
      );
  }
}

function list(reader: SweepReader, parameters: unknown): SweepCell[] {
  if (!Array.isArray(parameters)) throw reader.malformed('with method list, parameters must be a list of maps');
  return parameters.flatMap((entry, index) => {
    const what = `parameters[${index}]`;
    const { label, requires, ...others } = reader.map(entry, what);
    const named = label === undefined ? undefined : reader.word(label, `${what}.label`);
    const cells = grid(reader, parametersOf(reader, others, what), named);
    if (requires === undefined) return cells;
    const required = readRequirements(reader, requires, `${what}.requires`);
    return cells.map((cell) => ({ ...cell, requires: required }));
  });
}

/** Options with what they may be. Groups of parameters (`parameters` inside one) only order a file. */
function parametersOf(reader: SweepReader, value: unknown, what: string): Map<string, ParameterValues> {
  const found = new Map<string, ParameterValues>();
  for (const [key, parameter] of Object.entries(reader.map(value, what))) {
    const place = `${what}.${key}`;
    const inner = (parameter as YamlMap | null)?.parameters;
    const entries: [string, ParameterValues][] =
      typeof inner === 'object' && inner !== null
        ? [...parametersOf(reader, inner, `${place}.parameters`)]
        : [[key.replaceAll('_', '-'), readParameter(reader, parameter, place)]];
    for (const [option, values] of entries) {
      if (found.has(option)) throw reader.malformed(`${what} says ${option} twice`);
      found.set(option, values);
    }
  }
  return found;
}

/** Every combination of the values. */
function grid(reader: SweepReader, parameters: Map<string, ParameterValues>, label: string | undefined): SweepCell[] {
  let combinations: Record<string, Scalar>[] = [{}];
  for (const [option, { values }] of parameters) {
    if (values === undefined) {
      throw reader.malformed(`${option} is a distribution, and a grid needs values: list them, or take method random`);
    }
    if (combinations.length * values.length > MAX_CELLS) throw reader.malformed(`more than ${MAX_CELLS} sessions`);
    combinations = combinations.flatMap((chosen) => values.map((scalar) => ({ ...chosen, [option]: scalar })));
  }
  return combinations.map((chosen) => ({ label, parameters: chosen }));
}

/** Draws as many sessions as run_cap says. The same file draws the same sessions. */
function random(reader: SweepReader, root: YamlMap, cap: number | undefined): SweepCell[] {
  if (cap === undefined) throw reader.malformed('method random needs run_cap: how many sessions to draw');
  if (cap > MAX_CELLS) throw reader.malformed(`more than ${MAX_CELLS} sessions`);
  const parameters = parametersOf(reader, root.parameters, 'parameters');
  const seed = root.random_seed === undefined ? 0 : reader.number(root.random_seed, 'random_seed');
  const source = new Xorshift32(seed0(seed));
  return Array.from({ length: cap }, () => ({
    label: undefined,
    parameters: Object.fromEntries([...parameters].map(([option, values]) => [option, values.draw(source)])),
  }));
}
