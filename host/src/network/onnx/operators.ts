/** What each operator does to an image on its way through the graph. One function an operator; everything else is refused. */
import { contract } from './contraction.js';
import { convolution } from './convolution.js';
import { type Flow, isFlow, type Operand } from './flow.js';
import type { GraphNode } from './graph.js';
import { constantOf, imageOf, type OperatorContext, optionalOf } from './operands.js';
import { averagePool, maxPool, mean, reduceMean } from './pooling.js';
import { unsupported } from './refusal.js';
import {
  axesOf,
  listOf,
  permutation,
  positiveAxis,
  resolvedShape,
  shownShape,
  squeezed,
  unsqueezed,
} from './shapes.js';
import type { Spread } from './steps.js';
import type { Tensor } from './tensor.js';

type Operator = (node: GraphNode, operands: readonly Operand[], context: OperatorContext) => Flow;

/**
 * Sends the image through a node.
 *
 * @throws DataError ONNX_UNSUPPORTED
 */
export function applyOperator(node: GraphNode, operands: readonly Operand[], context: OperatorContext): Flow {
  const operator = operators[node.operator];
  if (operator === undefined) throw unsupported(node, reasons[node.operator] ?? 'a network here has nothing like it');
  return operator(node, operands, context);
}

const operators: Readonly<Record<string, Operator | undefined>> = {
  Identity: image,
  Dropout: image,
  Cast: cast,
  Conv: (node, operands) => {
    const [x, weights, bias] = operands;
    return convolution(node, imageOf(node, x), constantOf(node, weights), optionalOf(node, bias));
  },
  Gemm: gemm,
  MatMul: (node, [a, b]) => contract(node, a, b, {}),
  Add: (node, operands) => affine(node, operands, (constant) => [undefined, constant]),
  Sub: subtract,
  Mul: (node, operands) => affine(node, operands, (constant) => [constant, undefined]),
  Div: divide,
  BatchNormalization: batchNormalization,
  Relu: (node, [x]) => imageOf(node, x).through({ kind: 'rectify', node }),
  Clip: clip,
  MaxPool: maxPool,
  GlobalAveragePool: (node, [x]) => mean(node, imageOf(node, x), [2, 3], true),
  AveragePool: averagePool,
  ReduceMean: reduceMean,
  Flatten: flatten,
  Reshape: (node, [x, shape]) => {
    const flow = imageOf(node, x);
    return flow.reshaped(node, resolvedShape(node, flow.shape, listOf(node, constantOf(node, shape))));
  },
  Squeeze: (node, [x, axes], { opset }) => {
    const flow = imageOf(node, x);
    return flow.reshaped(node, squeezed(node, flow.shape, axesOf(node, optionalOf(node, axes), opset, 13)));
  },
  Unsqueeze: (node, [x, axes], { opset }) => {
    const flow = imageOf(node, x);
    return flow.reshaped(node, unsqueezed(node, flow.shape, axesOf(node, optionalOf(node, axes), opset, 13)));
  },
  Transpose: (node, [x]) => {
    const flow = imageOf(node, x);
    return flow.transposed(permutation(node, flow.axes.length));
  },
  QuantizeLinear: quantize,
  DequantizeLinear: image,
};

const otherActivation = 'hidden layers have ReLU or nothing; train the network with ReLU';
const recurrent = 'a network here is a plain sequence of layers, without memory';
/** Why, for what people bring most. */
const reasons: Readonly<Record<string, string | undefined>> = {
  LeakyRelu: otherActivation,
  PRelu: otherActivation,
  Elu: otherActivation,
  Selu: otherActivation,
  Gelu: otherActivation,
  Tanh: otherActivation,
  HardSwish: otherActivation,
  HardSigmoid: otherActivation,
  Softplus: otherActivation,
  Mish: otherActivation,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Concat: 'it joins branches; a network here is a plain sequence of layers',
  Split: 'it splits the image into branches; a network here is a plain sequence of layers',
  GlobalMaxPool: 'of pools over the whole map the average alone can be represented',
  ConvTranspose: 'only ordinary convolutions can be represented',
  ConvInteger: 'it computes with quantised activations; export the float network, it is quantised here',
  MatMulInteger: 'it computes with quantised activations; export the float network, it is quantised here',
  QLinearConv: 'it computes with quantised activations; export the float network, it is quantised here',
  QLinearMatMul: 'it computes with quantised activations; export the float network, it is quantised here',
  If: 'it decides as it runs; export the network in evaluation mode',
  Loop: 'it loops as it runs; export the network in evaluation mode',
};

function image(node: GraphNode, [x]: readonly Operand[]): Flow {
  return imageOf(node, x);
}

function cast(node: GraphNode, [x]: readonly Operand[]): Flow {
  const to = node.attributes.integer('to', 1);
  const flow = imageOf(node, x);
  // an image of bytes may be made a float one and the other way round; a layer's output may not lose its fraction
  if (flow.depth > 0 && ![1, 10, 11, 16].includes(to)) throw unsupported(node, 'it makes integers of what layers give');
  return flow;
}

function gemm(node: GraphNode, [a, b, c]: readonly Operand[]): Flow {
  const { attributes } = node;
  const product = contract(node, a, b, {
    transA: attributes.integer('transA', 0) === 1,
    transB: attributes.integer('transB', 0) === 1,
    factor: attributes.float('alpha', 1),
  });
  const bias = optionalOf(node, c);
  const beta = attributes.float('beta', 1);
  if (bias === undefined || beta === 0) return product;
  return addConstants(node, product, undefined, { ...bias, values: Float64Array.from(bias.values, (v) => v * beta) });
}

/** x * scale + shift with constants, either of which may be left out. */
function addConstants(node: GraphNode, flow: Flow, scale: Tensor | undefined, shift: Tensor | undefined): Flow {
  const varying = [scale, shift].find((tensor) => tensor !== undefined && tensor.values.length > 1);
  const known = flow.map === undefined && varying !== undefined ? channelsOf(node, flow, varying) : flow;
  const spread = (tensor: Tensor | undefined, neutral: number): Spread =>
    tensor === undefined ? { over: 'all', values: Float64Array.of(neutral) } : known.spread(node, tensor);
  return known.through({ kind: 'affine', node, scale: spread(scale, 1), shift: spread(shift, 0) });
}

/** An image that a constant of one value a channel changes has its channels where that constant says. */
function channelsOf(node: GraphNode, flow: Flow, { shape }: Tensor): Flow {
  const rank = flow.axes.length;
  const sides = [...new Array<number>(Math.max(0, rank - shape.length)).fill(1), ...shape];
  if (rank !== 4 || sides[2] !== 1) return flow;
  return flow.readMap(node, sides[1]! > 1 ? [2, 3, 1] : [1, 2, 3]);
}

function affine(
  node: GraphNode,
  [a, b]: readonly Operand[],
  constants: (constant: Tensor) => [scale: Tensor | undefined, shift: Tensor | undefined],
): Flow {
  if (isFlow(a) && isFlow(b)) {
    throw unsupported(
      node,
      'it combines two branches (a residual connection); a network here is a plain sequence of layers',
    );
  }
  const [flow, constant] = isFlow(a) ? [a, constantOf(node, b)] : [imageOf(node, b), constantOf(node, a)];
  return addConstants(node, flow, ...constants(constant));
}

function subtract(node: GraphNode, operands: readonly Operand[]): Flow {
  if (isFlow(operands[0])) return affine(node, operands, (constant) => [undefined, mapped(constant, (v) => -v)]);
  return affine(node, operands, (constant) => [scalar(-1), constant]);
}

function divide(node: GraphNode, operands: readonly Operand[]): Flow {
  if (!isFlow(operands[0])) throw unsupported(node, 'it divides by what layers give');
  return affine(node, operands, (constant) => {
    if (constant.values.includes(0)) throw unsupported(node, 'it divides by zero');
    return [mapped(constant, (v) => 1 / v), undefined];
  });
}

function mapped(tensor: Tensor, compute: (value: number) => number): Tensor {
  return { shape: tensor.shape, values: Float64Array.from(tensor.values, compute) };
}

function scalar(value: number): Tensor {
  return { shape: [], values: Float64Array.of(value) };
}

/** (x - mean) / sqrt(variance + epsilon) * scale + bias, by channel: axis 1. */
function batchNormalization(node: GraphNode, [x, ...parameters]: readonly Operand[]): Flow {
  if (node.attributes.integer('training_mode', 0) !== 0) {
    throw unsupported(node, 'it is in training mode; export the network in evaluation mode: model.eval()');
  }
  const flow = imageOf(node, x);
  const [scale, bias, average, variance] = parameters.map((parameter) => constantOf(node, parameter).values);
  const channels = flow.axes[1]?.size;
  if (![scale, bias, average, variance].every((values) => values?.length === channels)) {
    throw unsupported(node, `its parameters are not one a channel of ${shownShape(flow.shape)}`);
  }
  const epsilon = node.attributes.float('epsilon', 1e-5);
  const factors = Float64Array.from(variance!, (value, c) => scale![c]! / Math.sqrt(value + epsilon));
  const shifts = factors.map((factor, c) => bias![c]! - average![c]! * factor);
  if (![...factors, ...shifts].every(Number.isFinite)) throw unsupported(node, 'its variance is negative or zero');
  const shape = flow.axes.map((axis, position) => (position === 1 ? axis.size : 1));
  return addConstants(node, flow, { shape, values: factors }, { shape, values: shifts });
}

function clip(node: GraphNode, [x, low, high]: readonly Operand[], { opset }: OperatorContext): Flow {
  const flow = imageOf(node, x);
  const bound = (operand: Operand, attribute: string): number | undefined => {
    if (opset >= 11) return optionalOf(node, operand)?.values[0];
    return node.attributes.has(attribute) ? node.attributes.float(attribute, 0) : undefined;
  };
  const lowest = bound(low, 'min');
  const highest = bound(high, 'max');
  if (lowest !== 0) {
    throw unsupported(
      node,
      `it clips at ${lowest ?? 'no lower bound'}; of clips ReLU and ReLU6 can be represented, from 0 up`,
    );
  }
  if (highest !== undefined && highest <= 0) throw unsupported(node, 'it leaves nothing');
  const bounded = highest !== undefined && highest < 1e30;
  return flow.through({ kind: 'rectify', node, ...(bounded ? { highest } : {}) });
}

function flatten(node: GraphNode, [x]: readonly Operand[]): Flow {
  const flow = imageOf(node, x);
  const rank = flow.axes.length;
  const axis = node.attributes.integer('axis', 1);
  const split = axis === rank ? rank : positiveAxis(node, axis, rank);
  const product = (sides: readonly number[]): number => sides.reduce((a, b) => a * b, 1);
  return flow.reshaped(node, [product(flow.shape.slice(0, split)), product(flow.shape.slice(split))]);
}

/**
 * Around activations, with its DequantizeLinear: rounding, which is left to the quantisation here, and clipping, which is a
 * ReLU when the lowest number stands for 0.
 */
function quantize(node: GraphNode, [x, scale, zero]: readonly Operand[], { warn }: OperatorContext): Flow {
  const flow = imageOf(node, x);
  const range = optionalOf(node, zero)?.integer ?? { lowest: 0, highest: 255 };
  const point = optionalOf(node, zero)?.values[0] ?? 0;
  if (constantOf(node, scale).values.length > 1) throw unsupported(node, 'it quantises activations by channel');
  warn('the quantisation of activations in the file is replaced by that of the network here');
  return point === range.lowest && flow.depth > 0 ? flow.through({ kind: 'rectify', node }) : flow;
}
