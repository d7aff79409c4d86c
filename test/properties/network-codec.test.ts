import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PriotError } from '#host/errors.js';
import { networkToJson, parseNetwork } from '#host/network/network-file.js';
import { inputShape } from '#host/network/network-shape.js';
import { networks, tensorsOf } from '../network/random-network.js';
import { damaged } from './json-damage.js';

type Json = Record<string, unknown>;

/** What stands in a file: through text and back. */
function written(json: unknown): { layers: Json[] } & Json {
  return JSON.parse(JSON.stringify(json));
}

test('a network that is written and read is the same network', () => {
  fc.assert(
    fc.property(networks, (network) => {
      expect(parseNetwork(written(networkToJson(network)), tensorsOf(network))).toEqual(network);
    }),
    { numRuns: 500 },
  );
});

test('what follows from the layers below, or is the default, may be left out', () => {
  const defaults: Json = { stride: 1, padding: 0, pool: 0, relu: false, below_threshold: 'zero' };
  fc.assert(
    fc.property(networks, (network) => {
      const json = written(networkToJson(network));
      const layers = json.layers.map(({ edges: _, in_shape: _shape, in_features: _features, ...layer }) => {
        if (layer.op === 'sum_pool') delete layer.weight_exponent;
        return Object.fromEntries(Object.entries(layer).filter(([key, value]) => defaults[key] !== value));
      });
      const short = { ...json, input_shape: inputShape(network.layers[0]!), layers };
      expect(parseNetwork(short, tensorsOf(network))).toEqual(network);
    }),
    { numRuns: 300 },
  );
});

test('a wrong edge count, shape or unknown key is refused wherever it stands', () => {
  const changes: Record<string, (value: Json) => boolean> = {
    edges: (layer) => addOne(layer, 'edges'),
    in_shape: (layer) => Array.isArray(layer.in_shape) && addOne(layer.in_shape as unknown as Json, '2'),
    in_features: (layer) => addOne(layer, 'in_features'),
    bias: (layer) => Object.assign(layer, { bias: true }) === layer,
  };
  fc.assert(
    fc.property(networks, fc.nat(), fc.constantFrom(...Object.keys(changes)), (network, at, key) => {
      const json = written(networkToJson(network));
      const layer = json.layers[at % json.layers.length]!;
      if (!changes[key]!(layer)) return;
      const read = () => parseNetwork(json, tensorsOf(network));
      expect(read).toThrow(expect.objectContaining({ code: expect.stringMatching(/^(NETWORK|WEIGHTS)_MALFORMED$/) }));
    }),
    { numRuns: 300 },
  );
});

function addOne(object: Json, key: string): boolean {
  if (typeof object[key] !== 'number') return false;
  object[key] += 1;
  return true;
}

test('a damaged network is read or refused with a code', () => {
  const damagedNetworks = networks.chain((network) =>
    damaged(networkToJson(network)).map((json) => ({ json, tensors: tensorsOf(network) })),
  );
  let refused = 0;
  fc.assert(
    fc.property(damagedNetworks, ({ json, tensors }) => {
      try {
        parseNetwork(json, tensors);
      } catch (error) {
        expect(error).toBeInstanceOf(PriotError);
        refused++;
      }
    }),
    { numRuns: 500 },
  );
  expect(refused).toBeGreaterThan(250);
});
