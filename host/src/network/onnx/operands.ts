/** What a node reads, by the kind that it must be of. */
import { type Flow, isFlow, type Operand } from './flow.js';
import type { GraphNode } from './graph.js';
import { unsupported } from './refusal.js';
import type { Tensor } from './tensor.js';

/** What operators know besides their node. */
export interface OperatorContext {
  readonly opset: number;
  /** Says something about the network that its user should know. */
  readonly warn: (text: string) => void;
}

/** Gives the image that a node reads. @throws DataError ONNX_UNSUPPORTED where it is a constant */
export function imageOf(node: GraphNode, operand: Operand): Flow {
  if (!isFlow(operand)) throw unsupported(node, 'its first input is a constant');
  return operand;
}

/** Gives a constant that a node needs. @throws DataError ONNX_UNSUPPORTED where it is missing, or depends on the image */
export function constantOf(node: GraphNode, operand: Operand): Tensor {
  if (operand === undefined) throw unsupported(node, 'an input is missing');
  if (isFlow(operand)) throw unsupported(node, 'it combines two values that both depend on the image');
  return operand;
}

/** Gives a constant that may be left out. @throws DataError ONNX_UNSUPPORTED where it depends on the image */
export function optionalOf(node: GraphNode, operand: Operand): Tensor | undefined {
  return operand === undefined ? undefined : constantOf(node, operand);
}
