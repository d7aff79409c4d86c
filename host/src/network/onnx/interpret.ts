/**
 * Turns a graph into the sequence of steps that its logits take: constants are folded, what follows the logits is cut
 * off.
 */
import { DataError } from '../../errors.js';
import { FoldingBudget, foldConstant, shapeOf } from './constants.js';
import { Flow, isFlow, type Operand } from './flow.js';
import type { Graph, GraphNode } from './graph.js';
import { applyOperator } from './operators.js';
import { malformed, nodeText, shortened, unsupported } from './refusal.js';
import type { Step } from './steps.js';
import type { Tensor } from './tensor.js';

/** What a graph computes, up to its logits. */
export interface Interpretation {
  readonly steps: readonly Step[];
  /** The graph input that takes the image. */
  readonly input: string;
  /** Notices for the user: what was cut, what was taken otherwise. */
  readonly warnings: readonly string[];
}

/** What follows the logits and does not move their maximum, or only looks at it. */
const ENDINGS = new Set(['Softmax', 'LogSoftmax', 'Sigmoid', 'ArgMax', 'Hardmax', 'TopK']);
/** What may come after those: the network's answer made handier, or training's accuracy and loss. */
const AFTER_ENDINGS = new Set([
  ...ENDINGS,
  ...['Identity', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Log', 'Neg', 'Equal', 'Not'],
  ...['ReduceMean', 'ReduceSum', 'ReduceMax', 'Mul', 'Sub', 'Add', 'Gather', 'GatherElements', 'OneHot'],
  ...['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss', 'ZipMap', 'ai.onnx.ml.ZipMap'],
]);

/** A value that only tells about the logits. */
class Ending {
  constructor(
    readonly logits: Flow,
    readonly node: GraphNode,
  ) {}
}

/** A value that cannot be represented; an error only where the logits need it. */
class Refused {
  constructor(
    readonly error: DataError,
    /** Steps that the image had taken. */
    readonly depth: number,
    readonly afterEnding: boolean,
  ) {}
}

type Value = Tensor | Flow | Ending | Refused;

/**
 * Follows the image through the graph.
 *
 * @throws DataError ONNX_UNSUPPORTED, ONNX_MALFORMED
 */
export function interpret(graph: Graph): Interpretation {
  const values = new Map<string, Value>(graph.constants);
  for (const { name, shape } of graph.inputs) values.set(name, Flow.ofInput(name, shape));
  const budget = new FoldingBudget();
  const warnings = new Set<string>();
  const warn = (text: string): void => void warnings.add(text);
  for (const node of graph.nodes) {
    const value = outcomeOf(
      node,
      node.inputs.map((name) => values.get(name)),
    );
    // further outputs (a pool's indices, a Dropout's mask) are there for training alone
    node.outputs.forEach((name, index) => {
      if (name !== '') values.set(name, index === 0 ? value : furtherOutput(node, value));
    });
  }
  const { flow, cut } = logitsOf(graph, values);
  for (const text of cut) warn(text);
  return { steps: flow.steps(), input: flow.input, warnings: [...warnings] };

  function outcomeOf(node: GraphNode, inputs: readonly (Value | undefined)[]): Value {
    const refused = inputs.find((input) => input instanceof Refused);
    if (refused !== undefined) return refused;
    try {
      return computed(node, inputs as readonly (Tensor | Flow | Ending | undefined)[]);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const depth = inputs.reduce((most, input) => Math.max(most, input instanceof Flow ? input.depth : 0), 0);
      return new Refused(
        error,
        depth,
        inputs.some((input) => input instanceof Ending),
      );
    }
  }

  function computed(node: GraphNode, inputs: readonly (Tensor | Flow | Ending | undefined)[]): Value {
    const ending = inputs.find((input) => input instanceof Ending);
    if (ending !== undefined) {
      if (AFTER_ENDINGS.has(node.operator)) return ending;
      throw unsupported(
        ending.node,
        `${node.operator} comes after it; it can stand only at the end, hidden layers have ReLU or nothing`,
      );
    }
    const operands = inputs as readonly Operand[];
    const image = operands.find(isFlow);
    if (image === undefined)
      return foldConstant(node, operands as readonly (Tensor | undefined)[], graph.opset, budget);
    if (node.operator === 'Shape') return shapeOf(node, image.shape);
    if (ENDINGS.has(node.operator) || node.operator === 'SoftmaxCrossEntropyLoss') return new Ending(image, node);
    return applyOperator(node, operands, { opset: graph.opset, warn });
  }
}

function furtherOutput(node: GraphNode, value: Value): Value {
  if (value instanceof Ending || value instanceof Refused) return value;
  const depth = value instanceof Flow ? value.depth : 0;
  return new Refused(unsupported(node, 'its second output is used, which cannot be represented'), depth, false);
}

/** The logits are what the image has come furthest to in one of the outputs, or before what ends it. */
function logitsOf(graph: Graph, values: ReadonlyMap<string, Value>): { flow: Flow; cut: string[] } {
  let best: { flow: Flow; output: string; ending?: GraphNode } | undefined;
  let refused: Refused | undefined;
  for (const output of graph.outputs) {
    const value = values.get(output);
    if (value instanceof Refused && (refused === undefined || value.depth > refused.depth)) refused = value;
    const flow = value instanceof Ending ? value.logits : value instanceof Flow ? value : undefined;
    if (flow === undefined || (best !== undefined && flow.depth <= best.flow.depth)) continue;
    best = { flow, output, ...(value instanceof Ending ? { ending: value.node } : {}) };
  }
  if (refused !== undefined && (best === undefined || (refused.depth > best.flow.depth && !refused.afterEnding))) {
    throw refused.error;
  }
  if (best === undefined || best.flow.depth === 0) throw malformed('no output depends on an input by a layer');
  const others = graph.outputs.filter((output) => output !== best.output);
  return {
    flow: best.flow,
    cut: [
      ...(best.ending === undefined
        ? []
        : [`${nodeText(best.ending)} and what follows are left out: they do not change which class is the largest`]),
      ...(others.length === 0
        ? []
        : [
            `of ${graph.outputs.length} outputs ${JSON.stringify(shortened(best.output))} is taken; left out: ${others.map((name) => JSON.stringify(shortened(name))).join(', ')}`,
          ]),
    ],
  };
}
