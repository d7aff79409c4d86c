/** Parameters of a sweep file: which values an option takes, listed or drawn from a distribution. */
import type { Xorshift32 } from '../random.js';
import type { Scalar, SweepReader } from './sweep-reader.js';

/** The values that a parameter may take. */
export interface ParameterValues {
  /** Every value, for a grid; undefined of a distribution over numbers. */
  readonly values: readonly Scalar[] | undefined;
  /** Draws one. */
  draw(random: Xorshift32): Scalar;
}

/** Numbers that are drawn have so many significant digits: the last ones differ between mathematics libraries. */
const SIGNIFICANT_DIGITS = 6;

const distributions = {
  constant: ['value'],
  categorical: ['values', 'probabilities'],
  uniform: ['min', 'max'],
  int_uniform: ['min', 'max'],
  log_uniform_values: ['min', 'max'],
  q_uniform: ['min', 'max', 'q'],
} as const;
type Distribution = keyof typeof distributions;

/**
 * Reads one parameter: a value, a list of values, or a map with `value`, `values` or a distribution as in files of
 * Weights & Biases.
 * @param what names it in messages
 * @throws DataError SWEEP_MALFORMED
 */
export function readParameter(reader: SweepReader, parameter: unknown, what: string): ParameterValues {
  if (Array.isArray(parameter)) return listed(reader, parameter, what);
  if (typeof parameter !== 'object' || parameter === null) return one(reader.scalar(parameter, what));
  const map = reader.map(parameter, what);
  const distribution = distributionOf(reader, map, what);
  reader.allow(map, ['distribution', ...distributions[distribution]], what);
  switch (distribution) {
    case 'constant':
      return one(reader.scalar(map.value, `${what}.value`));
    case 'categorical':
      return weighted(reader, map, what);
    case 'uniform': {
      const [low, high] = range(reader, map, what);
      return drawn((random) => rounded(low + unit(random) * (high - low)));
    }
    case 'int_uniform': {
      const [low, high] = range(reader, map, what);
      if (!Number.isInteger(low) || !Number.isInteger(high))
        throw reader.malformed(`${what}: min and max must be whole`);
      return drawn((random) => low + Math.floor(unit(random) * (high - low + 1)));
    }
    case 'log_uniform_values': {
      const [low, high] = range(reader, map, what);
      if (low <= 0) throw reader.malformed(`${what}.min must be above 0 for log_uniform_values`);
      return drawn((random) => rounded(Math.exp(Math.log(low) + unit(random) * (Math.log(high) - Math.log(low)))));
    }
    case 'q_uniform': {
      const [low, high] = range(reader, map, what);
      const q = map.q === undefined ? 1 : reader.number(map.q, `${what}.q`);
      if (q <= 0) throw reader.malformed(`${what}.q must be above 0`);
      return drawn((random) => rounded(Math.round((low + unit(random) * (high - low)) / q) * q));
    }
  }
}

/** The distribution that a map names, or that follows from its keys. */
function distributionOf(reader: SweepReader, map: Readonly<Record<string, unknown>>, what: string): Distribution {
  if (map.distribution !== undefined) {
    const named = Object.keys(distributions).find((name) => name === map.distribution);
    if (named !== undefined) return named as Distribution;
    const there = Object.keys(distributions).join(', ');
    throw reader.malformed(`${what} has the distribution ${String(map.distribution)}; there are ${there}`);
  }
  if (map.value !== undefined && map.values !== undefined) {
    throw reader.malformed(`${what} has value and values; leave one out`);
  }
  if (map.value !== undefined) return 'constant';
  if (map.values !== undefined) return 'categorical';
  if (map.min === undefined && map.max === undefined) {
    throw reader.malformed(`${what} must have value, values, or min and max`);
  }
  return Number.isInteger(map.min) && Number.isInteger(map.max) ? 'int_uniform' : 'uniform';
}

function one(value: Scalar): ParameterValues {
  return { values: [value], draw: () => value };
}

function drawn(draw: (random: Xorshift32) => number): ParameterValues {
  return { values: undefined, draw };
}

function listed(reader: SweepReader, list: readonly unknown[], what: string): ParameterValues {
  if (list.length === 0) throw reader.malformed(`${what} has no values: give at least one`);
  const values = list.map((value, index) => reader.scalar(value, `${what}[${index}]`));
  return { values, draw: (random) => values[Math.floor(unit(random) * values.length)]! };
}

function weighted(reader: SweepReader, map: Readonly<Record<string, unknown>>, what: string): ParameterValues {
  if (!Array.isArray(map.values)) throw reader.malformed(`${what}.values must be a list`);
  const even = listed(reader, map.values, `${what}.values`);
  const values = even.values!;
  if (map.probabilities === undefined) return even;
  const shares = Array.isArray(map.probabilities) ? map.probabilities : [];
  const weights = shares.map((share, index) => reader.number(share, `${what}.probabilities[${index}]`));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.length !== values.length || weights.some((weight) => weight < 0) || Math.abs(sum - 1) > 1e-6) {
    throw reader.malformed(`${what}.probabilities must be one share per value, 1 in all`);
  }
  return {
    values,
    draw(random) {
      let left = unit(random);
      const index = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      return values[index < 0 ? values.length - 1 : index]!;
    },
  };
}

function range(reader: SweepReader, map: Readonly<Record<string, unknown>>, what: string): [number, number] {
  const low = reader.number(map.min, `${what}.min`);
  const high = reader.number(map.max, `${what}.max`);
  if (low > high) throw reader.malformed(`${what}: min is above max`);
  return [low, high];
}

/** A number from 0 up to below 1. */
function unit(random: Xorshift32): number {
  return random.next() / 2 ** 32;
}

function rounded(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}
