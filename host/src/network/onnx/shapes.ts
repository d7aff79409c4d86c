/** Shapes, axes and permutations as nodes name them, checked. */
import type { GraphNode } from './graph.js';
import { unsupported } from './refusal.js';
import { elementCount, type Tensor } from './tensor.js';

/** Resolves 0 (as the input has it) and -1 (what is left) in the shape that a Reshape names. */
export function resolvedShape(node: GraphNode, input: readonly number[], wanted: readonly number[]): number[] {
  const count = elementCount(input, 'the input of a Reshape');
  const zeroIsSize = node.attributes.integer('allowzero', 0) === 1;
  const shape = wanted.map((side, axis) => (side === 0 && !zeroIsSize ? (input[axis] ?? 0) : side));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = shape.reduce((product, side, axis) => (axis === open ? product : product * side), 1);
    shape[open] = rest === 0 ? 0 : count / rest;
  }
  const fits = shape.every((side) => Number.isInteger(side) && side >= 0);
  if (!fits || shape.reduce((product, side) => product * side, 1) !== count) {
    throw unsupported(node, `it makes ${shownShape(wanted)} of ${shownShape(input)}, which does not fit`);
  }
  return shape;
}

/** Reads axes from an attribute, or since opset `since` from an input; undefined when neither is there. */
export function axesOf(
  node: GraphNode,
  input: Tensor | undefined,
  opset: number,
  since: number,
): readonly number[] | undefined {
  if (opset < since) return node.attributes.has('axes') ? node.attributes.integers('axes') : undefined;
  return input === undefined ? undefined : [...input.values];
}

/** Puts axes of size 1 into a shape. */
export function unsqueezed(node: GraphNode, shape: readonly number[], axes: readonly number[] | undefined): number[] {
  if (axes === undefined) throw unsupported(node, 'it does not say which axes');
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => positiveAxis(node, axis, rank)));
  if (added.size !== axes.length || rank > 8) throw unsupported(node, 'its axes are no set of at most eight');
  let next = 0;
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : shape[next++]!));
}

/** Takes axes of size 1 out of a shape; all of them when `axes` is undefined. */
export function squeezed(node: GraphNode, shape: readonly number[], axes: readonly number[] | undefined): number[] {
  const dropped = new Set(axes?.map((axis) => positiveAxis(node, axis, shape.length)));
  const drops = (side: number, axis: number): boolean => (axes === undefined ? side === 1 : dropped.has(axis));
  if (shape.some((side, axis) => drops(side, axis) && side !== 1)) {
    throw unsupported(node, `it drops an axis of ${shownShape(shape)} that is not 1`);
  }
  return shape.filter((side, axis) => !drops(side, axis));
}

/** Reads the permutation of a Transpose; reversed when it names none. */
export function permutation(node: GraphNode, rank: number): readonly number[] {
  const perm = node.attributes.integers(
    'perm',
    Array.from({ length: rank }, (_, axis) => rank - 1 - axis),
  );
  if (perm.length !== rank || new Set(perm).size !== rank || perm.some((axis) => axis < 0 || axis >= rank)) {
    throw unsupported(node, `its permutation ${shownShape(perm)} does not fit ${rank} axes`);
  }
  return perm;
}

/** Counts a negative axis from the end. @throws DataError ONNX_UNSUPPORTED when there is none such */
export function positiveAxis(node: GraphNode, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(positive) || positive < 0 || positive >= rank) {
    throw unsupported(node, `axis ${axis} of ${rank}`);
  }
  return positive;
}

/** Reads a list of integers. @throws DataError ONNX_UNSUPPORTED */
export function listOf(node: GraphNode, tensor: Tensor | undefined): readonly number[] {
  if (tensor === undefined || tensor.shape.length > 1 || tensor.values.length > 8) {
    throw unsupported(node, 'its shape is no list of at most eight numbers');
  }
  return [...tensor.values];
}

/** Writes a shape as people do: 1x28x28. */
export function shownShape(shape: readonly number[]): string {
  return shape.length === 0 ? 'a scalar' : shape.join('x');
}

/** Gives how many elements a step along each axis is in a row-major array. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}
