/** What a faulty line does to frames, and how often: `--faults`, checked where it enters. */
import { UsageError } from '../../errors.js';

/** Chances per frame, 0..1, drawn for each direction of the line on its own. */
const FRAME_FAULTS = ['drop', 'duplicate', 'flip', 'truncate', 'reorder', 'stall'] as const;
/** Chances per frame that the host sends, 0..1. */
const PORT_FAULTS = ['unplug', 'reset'] as const;

export type FaultName = (typeof FRAME_FAULTS)[number] | (typeof PORT_FAULTS)[number];

/** Everything a faulty line draws follows from the seed and the frames it carries. */
export type Faults = { readonly seed: number } & { readonly [K in FaultName]: number };

const FAULT_NAMES: readonly FaultName[] = [...FRAME_FAULTS, ...PORT_FAULTS];
const MAX_SEED = 0xffff_ffff;

/** Parses `seed=9,drop=0.02,…`; what is left out is 0. @throws UsageError BAD_FAULTS */
export function parseFaults(text: string): Faults {
  const values = new Map<string, number>();
  for (const part of text.split(',')) {
    const [name = '', number = '', ...rest] = part.split('=').map((piece) => piece.trim());
    if (rest.length > 0 || values.has(name)) throw badFaults(`"${part}" is not one name=value, given once`);
    values.set(name, chanceOrSeed(name, number));
  }
  const chance = (name: FaultName) => values.get(name) ?? 0;
  return {
    seed: values.get('seed') ?? 0,
    drop: chance('drop'),
    duplicate: chance('duplicate'),
    flip: chance('flip'),
    truncate: chance('truncate'),
    reorder: chance('reorder'),
    stall: chance('stall'),
    unplug: chance('unplug'),
    reset: chance('reset'),
  };
}

/** Tells whether a value has all chances and the seed, each in its range. */
export function isFaults(value: unknown): value is Faults {
  if (typeof value !== 'object' || value === null) return false;
  const { seed, ...chances } = value as Record<string, unknown>;
  const inRange = (number: unknown, maximum: number) => typeof number === 'number' && number >= 0 && number <= maximum;
  return inRange(seed, MAX_SEED) && FAULT_NAMES.every((name) => inRange(chances[name], 1));
}

function chanceOrSeed(name: string, text: string): number {
  const value = Number(text);
  if (name === 'seed') {
    if (/^\d+$/.test(text) && value <= MAX_SEED) return value;
    throw badFaults(`seed=${text}: an integer in 0..${MAX_SEED} is due`);
  }
  if (!FAULT_NAMES.some((known) => known === name)) throw badFaults(`no fault is called "${name}"`);
  if (/^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) && value <= 1) return value;
  throw badFaults(`${name}=${text}: a chance in 0..1 is due`);
}

function badFaults(why: string): UsageError {
  return new UsageError(
    'BAD_FAULTS',
    `--faults: ${why}`,
    `as in "seed=9,drop=0.02"; there are ${FAULT_NAMES.join(', ')}`,
  );
}

/** Makes a generator of numbers uniform in 0..1, 1 excluded: xorshift32 (Marsaglia, 2003). Any seed will do, 0 too. */
export function randomFrom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5eed_1e55) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
