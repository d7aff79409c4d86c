import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UsageError } from '#host/errors.js';
import { withBelowThreshold } from '#host/network/below-threshold.js';
import { loadNetwork } from '#host/network/network-file.js';

const { network } = loadNetwork(join(import.meta.dirname, '../conformance/priot-45'));
const rules = (choice: string) => withBelowThreshold(network, choice).layers.map((layer) => layer.belowThreshold);

it('changes the rule of the layers named', () => {
  expect(rules('negate:fc1')).toEqual(['zero', 'zero', 'negate', 'zero']);
  expect(rules('negate:conv1,fc2')).toEqual(['negate', 'zero', 'zero', 'negate']);
  expect(rules('negate:all')).toEqual(['negate', 'negate', 'negate', 'negate']);
  expect(rules('zero:all')).toEqual(['zero', 'zero', 'zero', 'zero']);
  expect(network.layers.map((layer) => layer.belowThreshold)).toEqual(['zero', 'zero', 'zero', 'zero']);
});

it('refuses rules and layers that there are not', () => {
  expect(() => rules('fc1')).toThrow(UsageError);
  expect(() => rules('halve:fc1')).toThrow(/halve:fc1 is no RULE or RULE:LAYER/);
  expect(() => rules('negate:fc3')).toThrow(/no layer fc3/);
});
