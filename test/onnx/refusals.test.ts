import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseOnnx, readOnnx } from '#host/network/onnx/read-onnx.js';
import { temporaryFolder } from '../dataset/temporary-folder.js';
import { int64, type ModelSpec, model, type NodeSpec, positives, rawBytes, weights } from './model.js';

const nothingExternal = () => {
  throw new Error('there is no external data');
};

const constants = {
  w1: weights([4, 1, 3, 3], 1),
  w2: weights([5, 4 * 36], 2),
  w0: weights([5, 36], 3),
  bias: weights([4], 4),
};

/** A network of one convolution, then these nodes from `a` to `z`, then a linear layer. */
function around(...nodes: NodeSpec[]): ModelSpec {
  return {
    input: [1, 1, 6, 6],
    constants: { ...constants, low: { shape: [], values: [0.1] }, three: weights([1, 4, 1, 6], 5), axes: int64(1) },
    nodes: [
      ['Conv', ['image', 'w1'], ['a'], { pads: [1, 1, 1, 1] }, '/first/Conv'],
      ...nodes,
      ['Flatten', ['z'], ['y']],
      ['Gemm', ['y', 'w2'], ['x'], { transB: 1 }, '/last/Gemm'],
    ],
  };
}

const refused: Readonly<Record<string, [spec: ModelSpec, ...says: string[]]>> = {
  'a residual Add': [
    around(['Relu', ['a'], ['b']], ['Add', ['a', 'b'], ['z'], {}, '/block/Add']),
    '"/block/Add" (Add, node 3 of the file)',
    'residual',
  ],
  'an LSTM': [around(['LSTM', ['a', 'w1', 'w1'], ['z'], { hidden_size: 4 }, 'rnn']), '"rnn" (LSTM', 'without memory'],
  dilation: [
    {
      input: [1, 1, 6, 6],
      constants,
      nodes: [
        ['Conv', ['image', 'w1'], ['a'], { dilations: [2, 2] }, 'wide'],
        ['Flatten', ['a'], ['b']],
      ],
    },
    '"wide" (Conv, node 1',
    'dilation',
  ],
  'a 3x3 pool': [around(['MaxPool', ['a'], ['z'], { kernel_shape: [3, 3], strides: [3, 3] }, 'pool']), '"pool"', '3x3'],
  'a pool that overlaps': [around(['MaxPool', ['a'], ['z'], { kernel_shape: [2, 2] }, 'pool']), 'stride 1x1'],
  'an average pool inside': [
    around(['AveragePool', ['a'], ['z'], { kernel_shape: [2, 2], strides: [2, 2] }, 'avg']),
    '"avg"',
    'over the whole map',
  ],
  'a Sigmoid inside': [around(['Sigmoid', ['a'], ['z'], {}, 'squash']), '"squash" (Sigmoid', 'only at the end'],
  'another activation': [around(['LeakyRelu', ['a'], ['z'], {}, 'leaky']), '"leaky" (LeakyRelu', 'ReLU'],
  'an unknown operator': [around(['Einsum', ['a'], ['z'], {}, 'sum']), '"sum" (Einsum', 'nothing like it'],
  'an operator of another domain': [around(['com.microsoft.FusedConv', ['a'], ['z']]), 'com.microsoft.FusedConv'],
  'a clip that is no ReLU': [around(['Clip', ['a', 'low'], ['z']]), 'clips at 0.1'],
  'a constant by rows': [around(['Add', ['a', 'three'], ['z']]), 'rows or columns'],
  'a reversed flatten': [
    around(['Transpose', ['a'], ['b'], { perm: [0, 1, 3, 2] }], ['Conv', ['b', 'w1'], ['z'], {}, 'turned']),
    '"turned"',
    'order',
  ],
  'groups that are neither one nor all': [
    {
      input: [1, 4, 6, 6],
      constants: { w: weights([4, 2, 3, 3]) },
      nodes: [['Conv', ['image', 'w'], ['a'], { group: 2 }, 'grouped']],
    },
    '"grouped"',
    '2 groups',
  ],
  'normalisation in training mode': [
    around(['BatchNormalization', ['a', 'bias', 'bias', 'bias', 'bias'], ['z'], { training_mode: 1 }, 'bn']),
    'model.eval()',
  ],
  'a second output that is used': [
    around(['MaxPool', ['a'], ['p', 'z'], { kernel_shape: [2, 2], strides: [2, 2] }, 'pool']),
    'second output',
  ],
  'a convolution as the last layer': [
    { input: [1, 1, 6, 6], constants, nodes: [['Conv', ['image', 'w1'], ['a'], {}, 'only']] },
    '"only"',
    'must be linear',
  ],
  'one output': [
    { input: [1, 36], constants: { w: weights([36, 1]) }, nodes: [['MatMul', ['image', 'w'], ['a'], {}, 'score']] },
    'at least two',
  ],
  'more classes than 64': [
    { input: [1, 36], constants: { w: weights([36, 65]) }, nodes: [['MatMul', ['image', 'w'], ['a']]] },
    '65 classes',
  ],
  'two inputs that meet': [
    {
      input: [1, 36],
      inputs: { other: [1, 5] },
      constants: { ...constants, w: weights([36, 5]) },
      nodes: [
        ['MatMul', ['image', 'w'], ['a']],
        ['Add', ['a', 'other'], ['b'], {}, 'join'],
      ],
    },
    '"join"',
  ],
};

test.each(Object.entries(refused))('refused by name, operator and place: %s', (_name, [spec, ...says]) => {
  expect.assertions(1 + says.length);
  try {
    parseOnnx(model(spec), nothingExternal);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ONNX_UNSUPPORTED', class: 'data' });
    for (const text of says) expect((error as Error).message).toContain(text);
  }
});

describe('what follows the logits', () => {
  const layers: NodeSpec[] = [
    ['Flatten', ['image'], ['a']],
    ['Gemm', ['a', 'w0'], ['logits'], { transB: 1 }],
  ];
  const read = (spec: Partial<ModelSpec>) =>
    parseOnnx(model({ input: [1, 1, 6, 6], constants, nodes: layers, ...spec }), nothingExternal);

  test('training leftovers are cut, and said to be', () => {
    const { network, warnings } = read({
      inputs: { label: [1] },
      nodes: [
        ...layers,
        ['ArgMax', ['logits'], ['p'], { axis: 1 }, 'guess'],
        ['Cast', ['label'], ['l'], { to: 7 }],
        ['Equal', ['p', 'l'], ['e']],
        ['Cast', ['e'], ['f'], { to: 1 }],
        ['ReduceMean', ['f'], ['accuracy']],
      ],
    });
    expect(network.layers.map((layer) => layer.name)).toEqual(['fc1']);
    expect(warnings.join()).toContain('"guess" (ArgMax');
  });

  test('of several outputs the logits are taken', () => {
    const { warnings } = read({ nodes: [...layers, ['Softmax', ['logits'], ['p']]], outputs: ['a', 'p', 'logits'] });
    expect(warnings.join()).toContain('left out: "a", "logits"');
  });

  test('an output further on that is refused is not silently given up for an earlier one', () => {
    const nodes: NodeSpec[] = [...layers, ['Tanh', ['logits'], ['t'], {}, 'squash'], ['Gemm', ['t', 'w0'], ['z']]];
    expect(() => read({ nodes, outputs: ['a', 'z'] })).toThrow('"squash" (Tanh');
  });

  test('a ReLU after the last layer is left out, and said to be', () => {
    const { network, warnings } = read({ nodes: [...layers, ['Relu', ['logits'], ['r']]] });
    expect(network.layers[0]!.relu).toBe(false);
    expect(warnings.join()).toContain('ReLU after the last layer');
  });
});

describe('files that are not in order', () => {
  const good: ModelSpec = {
    input: [1, 36],
    constants: { w: weights([36, 5]) },
    nodes: [['MatMul', ['image', 'w'], ['a']]],
  };

  test.each([6, 22])('operators of version %i', (opset) => {
    expect(() => parseOnnx(model({ ...good, opset }), nothingExternal)).toThrow(
      expect.objectContaining({ code: 'ONNX_OPSET' }),
    );
  });

  const damaged: Readonly<Record<string, [ModelSpec, string]>> = {
    'a circle': [
      {
        ...good,
        nodes: [
          ['Add', ['b', 'w'], ['a']],
          ['Relu', ['a'], ['b']],
        ],
        outputs: ['b'],
      },
      'circle',
    ],
    'a value that nothing gives': [{ ...good, nodes: [['MatMul', ['nowhere', 'w'], ['a']]] }, '"nowhere"'],
    'a tensor shorter than its shape': [
      { ...good, constants: { w: { shape: [36, 5], values: [1, 2], stored: 'list' } } },
      '2 elements; its shape says 180',
    ],
    'a tensor of huge sides': [{ ...good, constants: { w: { shape: [2 ** 30, 2 ** 30], values: [1] } } }, 'more than'],
    'a negative side': [{ ...good, constants: { w: { shape: [-36, 5], values: [1] } } }, 'a side of -36'],
    'numbers that are none': [
      { ...good, constants: { w: { shape: [36, 5], values: Array(180).fill(Number.NaN) } } },
      'NaN',
    ],
    'no input at all': [{ ...good, nodes: [['Identity', ['w'], ['a']]] }, 'depends on an input'],
  };
  test.each(Object.entries(damaged))('%s', (_name, [spec, says]) => {
    expect(() => parseOnnx(model(spec), nothingExternal)).toThrow(
      expect.objectContaining({ code: 'ONNX_MALFORMED', message: expect.stringContaining(says) }),
    );
  });

  test('constants that grow without end cost bounded time', () => {
    const nodes: NodeSpec[] = [['Constant', [], ['c0'], { value: weights([4096]) }]];
    for (let i = 0; i < 5000; i++) nodes.push(['Concat', [`c${i}`, `c${i}`], [`c${i + 1}`], { axis: 0 }]);
    nodes.push(['MatMul', ['image', 'c5000'], ['a']]);
    expect(() => parseOnnx(model({ ...good, nodes }), nothingExternal)).toThrow('more arithmetic than weights need');
  });

  test('a missing file is told from a folder and from a file that is none of ours', () => {
    const folder = temporaryFolder();
    expect(() => readOnnx(join(folder, 'no.onnx'))).toThrow(expect.objectContaining({ code: 'FILE_MISSING' }));
    expect(() => readOnnx(folder)).toThrow(expect.objectContaining({ class: 'data' }));
    writeFileSync(join(folder, 'page.onnx'), '<!DOCTYPE html><title>Sign in</title>');
    expect(() => readOnnx(join(folder, 'page.onnx'))).toThrow(expect.objectContaining({ code: 'ONNX_MALFORMED' }));
  });
});

describe('external data', () => {
  const values = weights([36, 5]).values;
  function written(external: Record<string, string>): string {
    const folder = temporaryFolder();
    const tensor = { shape: [36, 5], values: [], stored: 'external', external } as const;
    const spec: ModelSpec = { input: [1, 36], constants: { w: tensor }, nodes: [['MatMul', ['image', 'w'], ['a']]] };
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model/net.onnx'), model(spec));
    writeFileSync(join(folder, 'model/net.data'), Buffer.concat([Buffer.alloc(64), rawBytes(values, 'float')]));
    writeFileSync(join(folder, 'secret'), Buffer.alloc(4096));
    symlinkSync('../secret', join(folder, 'model/link'));
    return join(folder, 'model/net.onnx');
  }

  test('beside the file it is read', () => {
    const { network } = readOnnx(written({ location: 'net.data', offset: '64', length: '720' }));
    expect(network.layers[0]!.weights[5]).toBeCloseTo(values[5 * 5]!, 6);
  });

  test.each([
    ['../secret', 'not in the model'],
    ['/etc/hostname', 'not in the model'],
    ['link', 'a link out'],
    ['', 'not in the model'],
    ['gone.data', 'missing'],
    ['.', 'not in the model'],
  ])('from %j it is refused', (location, says) => {
    expect(() => readOnnx(written({ location, length: '720' }))).toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA', message: expect.stringContaining(says) }),
    );
  });

  test.each([
    [{ length: '719' }, '720 bytes by its shape'],
    [{ offset: '-1' }, '720 bytes by its shape'],
    [{ offset: '100' }, 'ends before'],
    [{ offset: '999999999999999' }, 'ends before'],
  ])('with %j it is refused', (wrong, says) => {
    expect(() => readOnnx(written({ location: 'net.data', ...wrong }))).toThrow(
      expect.objectContaining({ code: 'ONNX_MALFORMED', message: expect.stringContaining(says) }),
    );
  });
});

test('what a file calls things is shown short and printable', () => {
  const name = `\u001b[31m${'x'.repeat(5000)}`;
  const spec = around(['Tanh', ['a'], ['z'], {}, name]);
  expect.assertions(2);
  try {
    parseOnnx(model({ ...spec, constants: { ...spec.constants, p: positives([1]) } }), nothingExternal);
  } catch (error) {
    expect((error as Error).message.length).toBeLessThan(300);
    expect((error as Error).message).not.toContain('\u001b');
  }
});
