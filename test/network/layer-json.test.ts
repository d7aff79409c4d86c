import { describe, expect, it } from 'vitest';
import { type Check, integerIn, nullable, oneOf, optional, shape, text } from '#host/json-shape.js';
import { parseArchitecture } from '#host/network/architecture.js';
import { parseNetwork } from '#host/network/network-file.js';

const weights = new Uint8Array(0);
const refusal = (layers: unknown, more: object = {}): string => {
  try {
    parseNetwork({ ...more, layers }, { weights }, 'net.json');
  } catch (error) {
    return (error as Error).message;
  }
  return 'it was read';
};
const architecture = (layers: object[], input_shape = [28, 28, 1]) =>
  parseArchitecture({ name: 'net', input_shape, layers }, 'net.json');

describe('a network file that is wrong', () => {
  it('says all that is wrong at once, the operations first', () => {
    const layers = [
      { name: 'conv1', op: 'conv2d', out_channels: 8, kernel: 3, weight_exponent: -4, bias: true, dilation: 2 },
      { name: 'norm', op: 'BatchNorm2d', momentum: 0.1 },
      { name: 'mean', op: 'avgpool', kernel: 7 },
      { name: 'fc', op: 'linear' },
    ];
    expect(refusal(layers, { batch_norm: true }).split('\n')).toEqual([
      'net.json: 7 things are wrong:',
      '  layer norm: op is "BatchNorm2d"; it must be one of conv2d, sum_pool, linear: batch normalisation is folded into the weights and the bias of the layer before it, as priot import does',
      expect.stringMatching(/^ {2}layer mean: op is "avgpool"; it must be one of conv2d, sum_pool, linear: an average/),
      expect.stringMatching(/^ {2}layer conv1: bias is no key here: a layer has a bias when it has a bias_exponent/),
      '  layer conv1: dilation is no key here: there is no dilation',
      '  layer fc: out_features is missing; it must be a whole number in 1..1048576',
      '  layer fc: weight_exponent is missing; it must be a whole number in -31..31',
      '  batch_norm is no key here: there is no batch normalisation; priot import folds it into the weights and the bias of the layer',
    ]);
  });

  it.each([
    [{ op: 'conv2d', out_channels: 4, kernel: 3, groups: 2 }, /groups is 2; it must be 1, .* or 6 with as many/],
    [{ op: 'conv2d', out_channels: 12, kernel: 3, groups: 6 }, /groups is 6; it must be 1/],
    [{ op: 'conv2d', out_channels: 4, kernel: [3, 3, 3] }, /kernel is \[3,3,3\]; it must be a list of 2 entries/],
    [{ op: 'conv2d', out_channels: 4, kernel: 3, padding: [1, 1] }, /padding is \[1,1\]; it must be a list of 4/],
    [{ op: 'conv2d', out_channels: 4, kernel: [9, 1] }, /kernel is \[9,1\]; it leaves a map of 0x8, and 1x1 is/],
    [{ op: 'conv2d', out_channels: 4, kernel: 8, pool: 2 }, /leaves a map of 1x1, and 2x2 is needed for the pool/],
    [{ op: 'sum_pool', relu: true }, /relu is true; it must be false/],
    [{ op: 'sum_pool', below_threshold: 'zero' }, /below_threshold is no key here/],
  ])('refuses %j', (layer, message) => {
    const first = { name: 'a', op: 'conv2d', in_shape: [8, 8, 3], out_channels: 6, kernel: 1, weight_exponent: -4 };
    const exponent = layer.op === 'sum_pool' ? {} : { weight_exponent: -4 };
    const last = { name: 'c', op: 'linear', out_features: 3, weight_exponent: -4 };
    expect(refusal([first, { name: 'b', ...exponent, ...layer }, last])).toMatch(message);
  });

  it('keeps the order of operations', () => {
    const conv = { op: 'conv2d', out_channels: 2, kernel: 1 };
    const linear = { op: 'linear', out_features: 2 };
    const of =
      (...layers: object[]) =>
      () =>
        architecture(layers.map((layer, at) => ({ name: `l${at}`, ...layer })));
    expect(of(linear, conv, linear)).toThrow(/convolutions come before linear layers/);
    expect(of({ op: 'sum_pool' }, linear)).toThrow(/layer l0: .*below it there must be a convolution/);
    expect(of(conv, { op: 'sum_pool' }, { op: 'sum_pool' }, linear)).toThrow(/layer l2: .*below it there must be/);
    expect(of(conv, { op: 'sum_pool' }, conv, linear)).toThrow(/convolutions come before a sum_pool/);
    expect(of(conv, { op: 'sum_pool' })).toThrow(/the last layer must be linear/);
    expect(of(conv)).toThrow(/the last layer must be linear/);
  });

  it('asks for the size of the input where it is nowhere', () => {
    expect(refusal([{ name: 'fc', op: 'linear', out_features: 3, weight_exponent: 0 }])).toBe(
      'net.json: layer fc: in_features is missing; it must be there, or input_shape in the file',
    );
  });
});

describe('an architecture', () => {
  it('derives all that it does not say', () => {
    const { layers } = architecture(
      [
        {
          name: 'conv',
          op: 'conv2d',
          out_channels: 4,
          kernel: [5, 3],
          stride: [2, 1],
          padding: [1, 0, 1, 2],
          relu: true,
        },
        { name: 'depthwise', op: 'conv2d', out_channels: 4, groups: 4, kernel: 3, pool: 2 },
        { name: 'mean', op: 'sum_pool' },
        { name: 'fc', op: 'linear', out_features: 10 },
      ],
      [20, 16, 2],
    );
    expect(layers.map((layer) => [layer.edges, layer.op === 'linear' ? layer.inFeatures : layer.inShape])).toEqual([
      [4 * 5 * 3 * 2, [20, 16, 2]],
      [4 * 9, [9, 16, 4]],
      [0, [3, 7, 4]],
      [40, 4],
    ]);
    // He's deviation for 30, 9 and 4 inputs; the last one's also turns the sum of 21 positions into the mean.
    expect(layers.map(({ weightExponent }) => weightExponent)).toEqual([-8, -7, 0, -11]);
  });

  it('has no biases and nothing that pretraining chooses', () => {
    const fc = { name: 'fc', op: 'linear', out_features: 10 };
    expect(() => architecture([{ ...fc, bias: true }])).toThrow(/bias is no key here: priot pretrain learns no biases/);
    expect(() => architecture([{ ...fc, bias_exponent: -3 }])).toThrow(/bias_exponent is no key here: priot pretrain/);
    expect(() => architecture([{ ...fc, weight_exponent: -3 }])).toThrow(/priot pretrain chooses it: leave it out/);
  });
});

it('a check of another type than its field does not compile', () => {
  interface Fields {
    mu?: number;
    name: string | null;
    rule: 'zero' | 'negate';
  }
  const right: Check<Fields> = shape<Fields>({
    mu: optional(integerIn(0, 7)),
    name: nullable(text),
    rule: oneOf('zero', 'negate'),
  });
  expect(right({ mu: 8, rule: 'none' }, '')).toEqual([
    'mu is 8; it must be a whole number in 0..7',
    'name is missing; it must be text',
    'rule is "none"; it must be one of zero, negate',
  ]);
  // @ts-expect-error a text is no number
  shape<Fields>({ mu: optional(text), name: nullable(text), rule: oneOf('zero', 'negate') });
  // @ts-expect-error the key may be missing
  shape<Fields>({ mu: integerIn(0, 7), name: nullable(text), rule: oneOf('zero', 'negate') });
  // @ts-expect-error a text may also be null
  shape<Fields>({ mu: optional(integerIn(0, 7)), name: text, rule: oneOf('zero', 'negate') });
  // @ts-expect-error one of the values is missing
  shape<Fields>({ mu: optional(integerIn(0, 7)), name: nullable(text), rule: oneOf('zero') });
  // @ts-expect-error a key without a check
  shape<Fields>({ mu: optional(integerIn(0, 7)), name: nullable(text) });
});
