import { describe, expect, it } from 'vitest';
import { parseSweep } from '#host/sweep/sweep-file.js';

const parse = (text: string) => parseSweep(text, 'some/folder/angles.yaml');

describe('a sweep file', () => {
  it('is a grid: every combination, the last parameter fastest', () => {
    const { name, metric, cells } = parse(`
method: grid
parameters:
  angle: {values: [30, 45]}
  method: {value: priot}
  seed: {values: [0, 1]}
`);
    expect(name).toBe('angles');
    expect(metric).toEqual({ name: 'accuracy.after', goal: 'maximize' });
    expect(cells.map((cell) => cell.parameters)).toEqual([
      { angle: 30, method: 'priot', seed: 0 },
      { angle: 30, method: 'priot', seed: 1 },
      { angle: 45, method: 'priot', seed: 0 },
      { angle: 45, method: 'priot', seed: 1 },
    ]);
  });

  it('is a list of labelled grids that share values by YAML merge keys', () => {
    const { cells } = parse(`
method: list
parameters:
  - &first
    label: a
    mu: {value: 5}
    eval_samples: {value: 10}
  - <<: *first
    label: b
    mu: {values: [3, 4]}
`);
    expect(cells).toEqual([
      { label: 'a', parameters: { mu: 5, 'eval-samples': 10 } },
      { label: 'b', parameters: { mu: 3, 'eval-samples': 10 } },
      { label: 'b', parameters: { mu: 4, 'eval-samples': 10 } },
    ]);
  });

  it('stops at run_cap', () => {
    expect(parse('method: grid\nrun_cap: 3\nparameters: {seed: {values: [0, 1, 2, 3]}}').cells).toHaveLength(3);
  });

  it('is a grid when it does not say, and takes values as lists and as words', () => {
    expect(
      parse('parameters: {angle: [45, 90], mu: 1e0, samples: 6.4e1}').cells.map((cell) => cell.parameters),
    ).toEqual([
      { angle: 45, mu: 1, samples: 64 },
      { angle: 90, mu: 1, samples: 64 },
    ]);
  });

  it('takes what an agent of Weights & Biases needs, and groups of parameters, without a meaning of their own', () => {
    const { cells } = parse(`
program: train.py
project: p
parameters:
  optimiser: {parameters: {mu: {values: [3, 4]}}}
  angle: {value: 30}
`);
    expect(cells.map((cell) => cell.parameters)).toEqual([
      { mu: 3, angle: 30 },
      { mu: 4, angle: 30 },
    ]);
  });

  it('draws from every distribution within its bounds, and the same again', () => {
    const text = (seed: number) => `
method: random
run_cap: 200
random_seed: ${seed}
parameters:
  mu: {min: 2, max: 5}
  angle: {distribution: uniform, min: -10.5, max: 10}
  samples: {distribution: q_uniform, min: 64, max: 512, q: 64}
  eval_samples: {distribution: log_uniform_values, min: 10, max: 1000}
  method: {values: [priot, priot-s], probabilities: [0.9, 0.1]}
  seed: {distribution: categorical, values: [0, 1]}
`;
    const drawn = parse(text(0)).cells.map((cell) => cell.parameters);
    expect(drawn).toHaveLength(200);
    expect(new Set(drawn.map(({ mu }) => mu))).toEqual(new Set([2, 3, 4, 5]));
    expect(drawn.every(({ angle }) => Number(angle) >= -10.5 && Number(angle) <= 10)).toBe(true);
    expect(new Set(drawn.map(({ samples }) => Number(samples) % 64))).toEqual(new Set([0]));
    const below = drawn.filter((cell) => Number(cell['eval-samples']) < 100).length;
    expect(below).toBeGreaterThan(70);
    expect(below).toBeLessThan(130);
    expect(drawn.filter(({ method }) => method === 'priot').length).toBeGreaterThan(150);
    expect(parse(text(0)).cells).toEqual(parse(text(0)).cells);
    expect(parse(text(1)).cells).not.toEqual(parse(text(0)).cells);
  });

  it.each([
    ['not YAML', 'a: [', 'Flow sequence'],
    ['no map', '- 1', 'the file must be a map'],
    ['an unknown key', 'method: grid\nparams: {}', 'the key params'],
    ['the method bayes', 'method: bayes\nparameters: {}', 'take random with run_cap, or grid'],
    ['another method', 'method: hyperband\nparameters: {}', 'method must be grid'],
    ['early_terminate', 'early_terminate: {type: hyperband}\nparameters: {}', 'early_terminate is not there'],
    ['both value and values', 'parameters: {seed: {value: 1, values: [2]}}', 'value and values; leave one out'],
    ['a distribution in a grid', 'parameters: {mu: {min: 1, max: 5}}', 'mu is a distribution, and a grid needs values'],
    ['another distribution', 'parameters: {mu: {distribution: beta}}', 'the distribution beta; there are constant'],
    ['draws without a number of them', 'method: random\nparameters: {mu: {min: 1, max: 5}}', 'needs run_cap'],
    ['an empty range', 'method: random\nrun_cap: 1\nparameters: {mu: {min: 5, max: 1}}', 'min is above max'],
    ['values that are no words', 'parameters: {seed: {values: [[1]]}}', 'must be a word or a number'],
    ['nothing to choose from', 'parameters: {seed: {values: []}}', 'parameters.seed.values has no values'],
    ['null in a list', 'parameters: {seed: [1, null]}', 'parameters.seed[1] is empty'],
    ['one option twice', 'parameters: {below-threshold: zero, below_threshold: negate}', 'says below-threshold twice'],
    ['a name that leaves the folder', 'name: ../../escape\nparameters: {}', 'names a folder, so without /'],
    ['shares that are not 1 in all', 'parameters: {mu: {values: [1, 2], probabilities: [0.5, 0.6]}}', '1 in all'],
    ['a bad cap', 'method: grid\nrun_cap: 0\nparameters: {}', 'run_cap'],
    ['a bad goal', 'method: grid\nmetric: {goal: best}\nparameters: {}', 'goal must be'],
  ])('with %s is refused by name', (_, text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'SWEEP_MALFORMED', class: 'data' }));
    expect(() => parse(text)).toThrow(message);
  });
});
