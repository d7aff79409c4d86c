/** Gemm and MatMul: a linear layer, whichever side its weights stand on. */
import { type Flow, isFlow, type Operand } from './flow.js';
import type { GraphNode } from './graph.js';
import { unsupported } from './refusal.js';
import { shownShape } from './shapes.js';
import type { Tensor } from './tensor.js';

export interface ContractionOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** A factor that the product is multiplied by. */
  readonly factor?: number;
}

/** Multiplies the image by a matrix. @throws DataError ONNX_UNSUPPORTED */
export function contract(node: GraphNode, a: Operand, b: Operand, options: ContractionOptions): Flow {
  const left = isFlow(a);
  if (left === isFlow(b)) {
    throw unsupported(
      node,
      left ? 'it multiplies two values that both depend on the image (attention)' : 'it has no input from the image',
    );
  }
  const image = (left ? a : b) as Flow;
  const weights = (left ? b : a) as Tensor | undefined;
  if (weights === undefined || weights.shape.length !== 2) {
    throw unsupported(node, `its weights of ${shownShape(weights?.shape ?? [])} are no matrix`);
  }
  const transposeImage = (left ? options.transA : options.transB) ?? false;
  const transposeWeights = (left ? options.transB : options.transA) ?? false;
  const rank = image.axes.length;
  const flow = transposeImage ? image.transposed(swappedEnd(rank)) : image;
  // x * W sums over x's last axis and W's first; W * x over W's last and x's first but one
  const axis = left || rank === 1 ? rank - 1 : rank - 2;
  const sumsFirst = left !== transposeWeights;
  const [first, second] = weights.shape as [number, number];
  const [inputs, outputs] = sumsFirst ? [first, second] : [second, first];
  if (flow.axes[axis]?.size !== inputs) {
    throw unsupported(
      node,
      `its weights of ${shownShape(weights.shape)} do not fit an input of ${shownShape(flow.shape)}`,
    );
  }
  const read = flow.readFeatures(node, axis);
  const ordered = new Float64Array(inputs * outputs);
  const factor = options.factor ?? 1;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      const from = sumsFirst ? i * outputs + o : o * inputs + i;
      ordered[o * inputs + read.order[i]!] = weights.values[from]! * factor;
    }
  }
  return read.flow.to({ kind: 'linear', node, weights: ordered }, [1, 1, outputs], [undefined, undefined, axis]);
}

function swappedEnd(rank: number): number[] {
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  if (rank >= 2) [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return perm;
}
