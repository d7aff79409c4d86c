/**
 * Operators on constants: the arithmetic with shapes that a flatten is written in, weights that are reshaped, cast or
 * dequantised before they are used.
 */
import type { GraphNode } from './graph.js';
import { shortened, unsupported } from './refusal.js';
import {
  axesOf,
  listOf,
  permutation,
  positiveAxis,
  resolvedShape,
  shownShape,
  squeezed,
  stridesOf,
  unsqueezed,
} from './shapes.js';
import { elementCount, integerRange, type Tensor } from './tensor.js';

/** Elements that folding may make in all: time and memory of a file from elsewhere are bounded by it. */
export class FoldingBudget {
  private left = 2 ** 26;

  /**
   * Takes the arithmetic of a constant from what the file may cost.
   * @throws DataError ONNX_UNSUPPORTED when the file asks for more
   */
  spend(node: GraphNode, elements: number): void {
    this.left -= elements;
    if (this.left < 0) throw unsupported(node, 'the constants up to here take more arithmetic than weights need');
  }
}

type Fold = (node: GraphNode, inputs: readonly Tensor[], opset: number) => Tensor;

const INTEGERS = { lowest: -(2 ** 52), highest: 2 ** 52 };

/** Makes a list of integers: what shapes and axes are. */
export function integerList(values: readonly number[]): Tensor {
  return { shape: [values.length], values: Float64Array.from(values), integer: INTEGERS };
}

/**
 * Computes a node all of whose inputs are constants.
 *
 * @throws DataError ONNX_UNSUPPORTED
 */
export function foldConstant(
  node: GraphNode,
  inputs: readonly (Tensor | undefined)[],
  opset: number,
  budget: FoldingBudget,
): Tensor {
  const fold = folds[node.operator];
  if (fold === undefined) throw unsupported(node, 'this operator is not known on constants');
  const missing = inputs.findIndex((input, index) => input === undefined && index < 1);
  if (missing >= 0) throw unsupported(node, 'its first input is missing');
  budget.spend(node, 1 + inputs.reduce((sum, input) => sum + (input?.values.length ?? 0), 0));
  const result = fold(node, inputs as readonly Tensor[], opset);
  budget.spend(node, result.values.length);
  return result;
}

const folds: Readonly<Record<string, Fold | undefined>> = {
  Constant: constant,
  Identity: (_node, [x]) => x!,
  Dropout: (_node, [x]) => x!,
  Cast: cast,
  Reshape: (node, [x, shape]) => ({ ...x!, shape: resolvedShape(node, x!.shape, listOf(node, shape)) }),
  Flatten: (node, [x]) => flatten(node, x!),
  Unsqueeze: (node, [x, axes], opset) => ({ ...x!, shape: unsqueezed(node, x!.shape, axesOf(node, axes, opset, 13)) }),
  Squeeze: (node, [x, axes], opset) => ({ ...x!, shape: squeezed(node, x!.shape, axesOf(node, axes, opset, 13)) }),
  Transpose: (node, [x]) => transposed(node, x!, permutation(node, x!.shape.length)),
  Shape: (node, [x]) => shapeOf(node, x!.shape),
  Concat: concat,
  Gather: gather,
  Slice: slice,
  ConstantOfShape: constantOfShape,
  ReduceProd: (_node, [x]) => ({ ...x!, shape: [], values: Float64Array.of(product(x!.values)) }),
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: (node, inputs) => binary(inputs[0]!.integer ? (a, b) => Math.trunc(a / b) : (a, b) => a / b)(node, inputs, 0),
  Sqrt: unary(Math.sqrt),
  Neg: unary((value) => -value),
  Reciprocal: unary((value) => 1 / value),
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
};

function constant(node: GraphNode): Tensor {
  const { attributes } = node;
  const tensor = attributes.tensor('value');
  if (tensor !== undefined) return tensor;
  if (attributes.has('value_float')) {
    return { shape: [], values: Float64Array.of(attributes.float('value_float', 0)) };
  }
  if (attributes.has('value_int')) return { ...integerList([attributes.integer('value_int', 0)]), shape: [] };
  if (attributes.has('value_ints')) return integerList(attributes.integers('value_ints'));
  if (attributes.has('value_floats')) {
    const values = Float64Array.from(attributes.floats('value_floats'));
    return { shape: [values.length], values };
  }
  throw unsupported(node, 'it holds no numbers');
}

function cast(node: GraphNode, [x]: readonly Tensor[]): Tensor {
  const integer = integerRange(node.attributes.integer('to', 1));
  const { shape, values } = x!;
  return integer === undefined ? { shape, values } : { shape, values: values.map(Math.trunc), integer };
}

/** Gives what Shape says, with its `start` and `end`. */
export function shapeOf(node: GraphNode, shape: readonly number[]): Tensor {
  const end = node.attributes.integer('end', shape.length);
  return integerList(shape.slice(node.attributes.integer('start', 0), end));
}

function flatten(node: GraphNode, x: Tensor): Tensor {
  const axis = node.attributes.integer('axis', 1);
  const split = axis === x.shape.length ? axis : positiveAxis(node, axis, x.shape.length);
  return { ...x, shape: [product(x.shape.slice(0, split)), product(x.shape.slice(split))] };
}

function product(factors: Iterable<number>): number {
  let result = 1;
  for (const factor of factors) result *= factor;
  return result;
}

function transposed(node: GraphNode, x: Tensor, perm: readonly number[]): Tensor {
  const shape = perm.map((axis) => x.shape[axis]!);
  const strides = stridesOf(x.shape);
  return {
    ...x,
    shape,
    values: gathered(
      x,
      shape,
      perm.map((axis) => strides[axis]!),
      node,
    ),
  };
}

/** Row-major copy of `shape` elements, where a step along axis i is `steps[i]` elements of the source. */
function gathered(x: Tensor, shape: readonly number[], steps: readonly number[], node: GraphNode): Float64Array {
  const count = elementCount(shape, `the output of ${shortened(node.operator)}`);
  const values = new Float64Array(count);
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let i = 0; i < count; i++) {
    values[i] = x.values[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      source -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return values;
}

function concat(node: GraphNode, inputs: readonly Tensor[]): Tensor {
  if (inputs.some((input) => input.shape.length !== 1)) throw unsupported(node, 'it joins constants that are no lists');
  const values = new Float64Array(inputs.reduce((sum, input) => sum + input.values.length, 0));
  let at = 0;
  for (const input of inputs) {
    values.set(input.values, at);
    at += input.values.length;
  }
  return { ...inputs[0]!, shape: [values.length], values };
}

function gather(node: GraphNode, [x, indices]: readonly Tensor[]): Tensor {
  if (indices === undefined || x!.shape.length !== 1) throw unsupported(node, 'it takes elements of what is no list');
  const { length } = x!.values;
  const values = indices.values.map((index) => x!.values[positiveAxis(node, index, length)]!);
  return { ...x!, shape: indices.shape, values: Float64Array.from(values) };
}

function slice(node: GraphNode, [x, starts, ends, axes, steps]: readonly Tensor[]): Tensor {
  const start = starts?.values[0] ?? node.attributes.integers('starts')[0] ?? 0;
  const end = ends?.values[0] ?? node.attributes.integers('ends')[0] ?? 0;
  const plain =
    (axes?.values.every((axis) => axis === 0) ?? true) && (steps?.values.every((step) => step === 1) ?? true);
  if (x!.shape.length !== 1 || !plain)
    throw unsupported(node, 'it cuts a constant that is no list, or not in steps of 1');
  const values = Float64Array.from(x!.values.slice(start, end));
  return { ...x!, shape: [values.length], values };
}

function constantOfShape(node: GraphNode, [shape]: readonly Tensor[]): Tensor {
  const sides = listOf(node, shape);
  const value = node.attributes.tensor('value');
  const values = new Float64Array(elementCount(sides, 'the output of ConstantOfShape'));
  return { ...value, shape: sides, values: values.fill(value?.values[0] ?? 0) };
}

function unary(compute: (value: number) => number): Fold {
  return (_node, [x]) => ({ ...x!, values: Float64Array.from(x!.values, compute) });
}

function binary(compute: (a: number, b: number) => number): Fold {
  return (node, [a, b]) => {
    if (b === undefined) throw unsupported(node, 'its second input is missing');
    const rank = Math.max(a!.shape.length, b.shape.length);
    const sides = (x: Tensor): number[] => [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape];
    const [left, right] = [sides(a!), sides(b)];
    const shape = left.map((side, axis) => (side === 1 ? right[axis]! : side));
    if (right.some((side, axis) => side !== 1 && side !== shape[axis])) {
      throw unsupported(
        node,
        `its constants of ${shownShape(a!.shape)} and ${shownShape(b.shape)} do not fit together`,
      );
    }
    const steps = (x: readonly number[]): number[] => stridesOf(x).map((stride, axis) => (x[axis] === 1 ? 0 : stride));
    const first = gathered(a!, shape, steps(left), node);
    const second = gathered(b, shape, steps(right), node);
    const integer = a!.integer && b.integer ? { integer: a!.integer } : {};
    return { shape, values: first.map((value, i) => compute(value, second[i]!)), ...integer };
  };
}

/** Scales of a Quantize- or DequantizeLinear spread over a tensor: one for all, or one a slice of `axis`. */
function perElement(node: GraphNode, x: Tensor, given: Tensor | undefined, fallback: number): (i: number) => number {
  if (given === undefined) return () => fallback;
  if (given.values.length === 1) return () => given.values[0]!;
  const axis = positiveAxis(node, node.attributes.integer('axis', 1), x.shape.length);
  const stride = stridesOf(x.shape)[axis]!;
  const side = x.shape[axis]!;
  if (given.values.length !== side) throw unsupported(node, 'its scales are neither one nor one a channel');
  return (i) => given.values[Math.floor(i / stride) % side]!;
}

function dequantize(node: GraphNode, [x, scale, zero]: readonly Tensor[]): Tensor {
  const scaleOf = perElement(node, x!, scale, 1);
  const zeroOf = perElement(node, x!, zero, 0);
  return { shape: x!.shape, values: Float64Array.from(x!.values, (value, i) => (value - zeroOf(i)) * scaleOf(i)) };
}

function quantize(node: GraphNode, [x, scale, zero]: readonly Tensor[]): Tensor {
  const scaleOf = perElement(node, x!, scale, 1);
  const zeroOf = perElement(node, x!, zero, 0);
  const range = zero?.integer ?? { lowest: 0, highest: 255 };
  const values = Float64Array.from(x!.values, (value, i) =>
    Math.min(range.highest, Math.max(range.lowest, halfToEven(value / scaleOf(i)) + zeroOf(i))),
  );
  return { shape: x!.shape, values, integer: range };
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
