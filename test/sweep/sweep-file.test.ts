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

  it.each([
    ['not YAML', 'a: [', 'Flow sequence'],
    ['no map', '- 1', 'the file must be a map'],
    ['an unknown key', 'method: grid\nparams: {}', 'the key params'],
    ['no method', 'parameters: {}', 'method must be grid'],
    ["another tool's method", 'method: bayes\nparameters: {}', 'method must be grid'],
    ['a bare value', 'method: grid\nparameters: {seed: 1}', 'parameters.seed must be a map'],
    ['both value and values', 'method: grid\nparameters: {seed: {value: 1, values: [2]}}', 'either value or values'],
    ['a distribution', 'method: grid\nparameters: {mu: {min: 1, max: 5}}', 'parameters.mu has the key min'],
    ['values that are no words', 'method: grid\nparameters: {seed: {values: [[1]]}}', 'must be a word or a number'],
    ['nothing to choose from', 'method: grid\nparameters: {seed: {values: []}}', 'must be a list'],
    ['a bad cap', 'method: grid\nrun_cap: 0\nparameters: {}', 'run_cap'],
    ['a bad goal', 'method: grid\nmetric: {goal: best}\nparameters: {}', 'goal must be'],
  ])('with %s is refused by name', (_, text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'SWEEP_MALFORMED', class: 'data' }));
    expect(() => parse(text)).toThrow(message);
  });
});
