import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '#host/errors.js';
import { loadNetwork, networkToJson, parseNetwork } from '#host/network/network-file.js';
import { edgeCount, imageBytes, layerOffsets, outputCount } from '#host/network/network-shape.js';
import { hasMethod, methodNames, openNetworkRequest } from '#host/network/open-network.js';
import { tensorsOf } from './random-network.js';

const cases = join(import.meta.dirname, '../conformance');
type Json = Record<string, unknown>;

function caseJson(name: string): Json & { layers: Json[] } {
  const json = JSON.parse(readFileSync(join(cases, name, 'case.json'), 'utf8'));
  delete json.steps;
  return json;
}

const strided = () => caseJson('priot-strided');
const weights = readFileSync(join(cases, 'priot-strided', 'weights.bin'));
const stridedNetwork = () => parseNetwork(strided(), { weights }, 'case.json', 'case');

describe('a network file', () => {
  it.each(readdirSync(cases))('reads the network of %s and writes it back unchanged', (name) => {
    const { network } = loadNetwork(join(cases, name));
    const json = caseJson(name);
    expect(networkToJson(network)).toEqual({
      input_exponent: json.input_exponent,
      loss_shift: json.loss_shift,
      layers: json.layers,
    });
    expect(parseNetwork(networkToJson(network), tensorsOf(network))).toEqual(network);
  });

  it('knows its sizes', () => {
    const network = stridedNetwork();
    expect(edgeCount(network)).toBe(2118);
    expect(layerOffsets(network)).toEqual([0, 450, 990, 1950]);
    expect(imageBytes(network)).toBe(17 * 15 * 3);
    expect(outputCount(network)).toBe(7);
  });

  type Change = (json: Json & { layers: Json[] }) => void;
  const malformed: [string, Change, RegExp][] = [
    ['no layers', (json) => delete (json as Json).layers, /net\.json: layers is missing; it must be a list/],
    ['an empty list of layers', (json) => json.layers.splice(0), /layers has 0 entries; there must be 1 to 32/],
    ['a layer that is no object', (json) => json.layers.splice(1, 1, 3 as never), /layer 2 is 3; it must be an object/],
    ['a layer without a name', (json) => delete json.layers[1]!.name, /layer 2: name is missing/],
    [
      'two layers of one name',
      (json) => Object.assign(json.layers[1]!, { name: 'conv1' }),
      /layer conv1: there are two layers of this name/,
    ],
    [
      'an unknown operation',
      (json) => Object.assign(json.layers[0]!, { op: 'gru' }),
      /layer conv1: op is "gru"; it must be one of conv2d, sum_pool, linear/,
    ],
    [
      'a fraction',
      (json) => Object.assign(json, { loss_shift: 1.5 }),
      /loss_shift is 1.5; it must be a whole number in 0..30/,
    ],
    ['a number as text', (json) => Object.assign(json, { loss_shift: '4' }), /loss_shift is "4"/],
    [
      'a shift too large',
      (json) => Object.assign(json.layers[2]!.shifts as Json, { score: 31 }),
      /layer fc1: shifts.score is 31; .*0..30/,
    ],
    [
      'a negative shift',
      (json) => Object.assign(json.layers[2]!.shifts as Json, { activation: -1 }),
      /shifts.activation is -1/,
    ],
    ['no error shift', (json) => delete (json.layers[2]!.shifts as Json).error, /layer fc1: shifts.error is missing/],
    [
      'an error shift in the first layer',
      (json) => Object.assign(json.layers[0]!.shifts as Json, { error: 3 }),
      /layer conv1: shifts.error is no key here: the first layer computes no error/,
    ],
    [
      'shapes that do not chain',
      (json) => Object.assign(json.layers[1]!, { in_shape: [4, 5, 6] }),
      /layer conv2: in_shape is \[4, 5, 6\]; it must be \[4, 4, 6\], the output of conv1/,
    ],
    [
      'features that do not chain',
      (json) => Object.assign(json.layers[2]!, { in_features: 41, edges: 984 }),
      /layer fc1: in_features is 41; it must be 40, the output of conv2/,
    ],
    [
      'wrong edges',
      (json) => Object.assign(json.layers[3]!, { edges: 167 }),
      /layer fc2: edges is 167; it must be 168/,
    ],
    [
      'a shape of two sides',
      (json) => Object.assign(json.layers[0]!, { in_shape: [17, 15] }),
      /in_shape is \[17,15\]; it must be a list of 3 entries/,
    ],
    [
      'an input that is too large',
      (json) => Object.assign(json.layers[0]!, { in_shape: [1024, 1024, 2], edges: 300 }),
      /layer conv1: its input has 2,097,152 elements; 1,048,576 are allowed/,
    ],
    [
      'a map that is too large',
      (json) => {
        json.layers.splice(1, 3);
        Object.assign(json.layers[0]!, {
          in_shape: [512, 512, 1],
          out_channels: 6,
          padding: 300,
          stride: 1,
          edges: 150,
        });
      },
      /layer conv1: its output before the pool has .* elements; 1,048,576 are allowed/,
    ],
    [
      'more layers than there may be',
      (json) => json.layers.splice(0, 0, ...Array.from({ length: 29 }, () => json.layers[0]!)),
      /layers has 33 entries; there must be 1 to 32/,
    ],
    [
      'more classes than there may be',
      (json) => Object.assign(json.layers[3]!, { out_features: 65, edges: 24 * 65 }),
      /layer fc2: out_features is 65; the last layer has at most 64, one a class/,
    ],
    [
      'more edges than there may be',
      (json) => {
        Object.assign(json.layers[2]!, { out_features: 400_000, edges: 16_000_000 });
        Object.assign(json.layers[3]!, { in_features: 400_000, edges: 2_800_000 });
      },
      /the layers have 18,800,990 edges; 16,777,216 are allowed/,
    ],
    [
      'a kernel that does not fit',
      (json) => Object.assign(json.layers[1]!, { kernel: 5, edges: 1500 }),
      /layer conv2: kernel is 5; it leaves a map of 0x0, and 1x1 is needed/,
    ],
    [
      'stride 0',
      (json) => Object.assign(json.layers[0]!, { stride: 0 }),
      /stride is 0; it must be a whole number in 1..65535, or a list \[rows, columns\]/,
    ],
    ['a pool of 3', (json) => Object.assign(json.layers[0]!, { pool: 3 }), /pool is 3; it must be one of 0, 2/],
    ['relu as a number', (json) => Object.assign(json.layers[0]!, { relu: 1 }), /relu is 1; it must be true or false/],
    [
      'a last layer with ReLU',
      (json) => Object.assign(json.layers[3]!, { relu: true }),
      /layer fc2: the last layer must be linear and without ReLU/,
    ],
    [
      'a convolution after a linear layer',
      (json) => {
        delete (json.layers[2]!.shifts as Json).error;
        json.layers.splice(0, 4, json.layers[2]!, json.layers[1]!);
      },
      /convolutions come before linear layers/,
    ],
    [
      'an unknown rule',
      (json) => Object.assign(json.layers[0]!, { below_threshold: 'drop' }),
      /below_threshold is "drop"; it must be one of zero, negate/,
    ],
  ];
  it.each(malformed)('refuses %s', (_, change, message) => {
    const json = strided();
    change(json);
    const parse = () => parseNetwork(json, { weights }, 'net.json', 'case');
    expect(parse).toThrow(DataError);
    expect(parse).toThrow(message);
  });

  it.each([null, 4, 'x', [], undefined])('refuses %s instead of an object', (value) => {
    expect(() => parseNetwork(value, { weights }, 'net.json')).toThrow(
      /net\.json: the document is .*it must be an object/,
    );
  });

  it('refuses weights of another length, and -128', () => {
    expect(() => parseNetwork(strided(), { weights: weights.subarray(1) }, 'net.json', 'case')).toThrow(
      /2117 bytes; the layers have 2118 edges/,
    );
    const bad = Uint8Array.from(weights);
    bad[450 + 7] = 0x80;
    expect(() => parseNetwork(strided(), { weights: bad }, 'net.json', 'case')).toThrow(/layer conv2, edge 7 is -128/);
  });

  it('names a folder that is not there', () => {
    expect(() => loadNetwork('/nowhere/net')).toThrow(/no such file: \/nowhere\/net\/network\.json/);
  });
});

describe('the OpenNetwork request', () => {
  it('carries shapes, shifts and rules', () => {
    const request = openNetworkRequest(stridedNetwork(), { method: 'priot', threshold: -64 });
    expect(request).toMatchObject({ method: 0, threshold: -64, inputExponent: -7, lossShift: 4 });
    expect(request.layers?.[0]).toEqual({
      operation: 0,
      inHeight: 17,
      inWidth: 15,
      inChannels: 3,
      outChannels: 6,
      kernel: 5,
      kernelColumns: 5,
      stride: 2,
      strideColumns: 2,
      padding: 2,
      paddingLeft: 2,
      paddingBottom: 2,
      paddingRight: 2,
      depthwise: false,
      pool: true,
      relu: true,
      weightExponent: -9,
      bias: false,
      biasExponent: 0,
      belowThreshold: 0,
      activationShift: 10,
      errorShift: 0,
      updateShift: 16,
      scoredEdges: 0,
    });
    expect(request.layers?.[3]).toMatchObject({
      operation: 1,
      inHeight: 1,
      inChannels: 24,
      outChannels: 7,
      errorShift: 6,
    });
  });

  it('counts the scored edges of each layer', () => {
    const { network } = loadNetwork(join(cases, 'priot-s10-45'));
    const scored = readFileSync(join(cases, 'priot-s10-45', 'scored.bin'));
    const request = openNetworkRequest(network, { method: 'priot-s', threshold: -32, scored });
    expect(request.layers?.map((layer) => layer.scoredEdges)).toEqual([72, 576, 3913, 640]);
  });

  it('refuses a network without the shifts of the method, and says how to get them', () => {
    const network = stridedNetwork();
    expect(() => openNetworkRequest(network, { method: 'niti-static', threshold: 0 })).toThrow(
      /conv1 has no gradient shift/,
    );
    const { network: uncalibrated } = loadNetwork(join(cases, 'niti-dynamic-45'));
    expect(() => openNetworkRequest(uncalibrated, { method: 'priot', threshold: 0 })).toThrow(/conv1 has no shifts/);
    expect(openNetworkRequest(uncalibrated, { method: 'niti-dynamic', threshold: 0, mu: 4 }).mu).toBe(4);
  });

  it('reads the methods of a device', () => {
    expect(methodNames(0b0101)).toEqual(['priot', 'niti-static']);
    expect(hasMethod(0b0101, 'priot-s')).toBe(false);
  });
});
