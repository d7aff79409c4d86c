/** Pools and averages. */
import type { Flow, Operand } from './flow.js';
import type { GraphNode } from './graph.js';
import { imageOf, type OperatorContext, optionalOf } from './operands.js';
import { unsupported } from './refusal.js';
import { axesOf, positiveAxis, shownShape } from './shapes.js';

/** Takes the largest of every 2x2 window. @throws DataError ONNX_UNSUPPORTED for another window */
export function maxPool(node: GraphNode, [x]: readonly Operand[]): Flow {
  const { attributes } = node;
  const flow = imageOf(node, x).readMap(node, [2, 3, 1]);
  const [height, width, channels] = flow.map!;
  const kernel = attributes.integers('kernel_shape');
  const strides = attributes.integers('strides', [1, 1]);
  const shown = `${shownShape(kernel)} with stride ${shownShape(strides)}`;
  const isHalving = (sides: readonly number[]): boolean => sides.length === 2 && sides.every((side) => side === 2);
  if (!isHalving(kernel) || !isHalving(strides)) {
    throw unsupported(node, `it pools ${shown}; a pool here is 2x2 with stride 2`);
  }
  const padded = attributes.integers('pads', [0, 0, 0, 0]).some((side) => side !== 0);
  const spread = attributes.integers('dilations', [1, 1]).some((side) => side !== 1);
  const odd = height % 2 === 1 || width % 2 === 1;
  const grows = attributes.integer('ceil_mode', 0) === 1 || attributes.text('auto_pad', 'NOTSET').startsWith('SAME');
  if (padded || spread || (odd && grows)) {
    throw unsupported(
      node,
      `it pads or spreads its window over a map of ${height}x${width}; a pool here drops an odd row or column`,
    );
  }
  if (height < 2 || width < 2) throw unsupported(node, `nothing is left of a map of ${height}x${width}`);
  return flow.to({ kind: 'max_pool', node }, [Math.floor(height / 2), Math.floor(width / 2), channels], [2, 3, 1]);
}

/** Averages windows, of which only one over the whole map can be represented. @throws DataError ONNX_UNSUPPORTED */
export function averagePool(node: GraphNode, [x]: readonly Operand[]): Flow {
  const { attributes } = node;
  const flow = imageOf(node, x).readMap(node, [2, 3, 1]);
  const [height, width] = flow.map!;
  const kernel = attributes.integers('kernel_shape');
  const padded = attributes.integers('pads', [0, 0, 0, 0]).some((side) => side !== 0);
  if (padded || kernel[0] !== height || kernel[1] !== width) {
    throw unsupported(
      node,
      `it averages ${shownShape(kernel)} of a map of ${height}x${width}; of averages that over the whole map can be represented`,
      'train the network with 2x2 max pools, or with an average over the whole map',
    );
  }
  return mean(node, flow, [2, 3], true);
}

/** Averages over axes, which must be a map's rows and columns. @throws DataError ONNX_UNSUPPORTED */
export function reduceMean(node: GraphNode, [x, given]: readonly Operand[], { opset }: OperatorContext): Flow {
  const flow = imageOf(node, x);
  const axes = axesOf(node, optionalOf(node, given), opset, 18)?.map((axis) =>
    positiveAxis(node, axis, flow.axes.length),
  );
  return mean(node, flow, axes ?? [], node.attributes.integer('keepdims', 1) === 1);
}

/** Averages a map whose rows and columns stand at `axes`. @param keep leaves axes of size 1 in their place */
export function mean(node: GraphNode, flow: Flow, axes: readonly number[], keep: boolean): Flow {
  if (flow.map === undefined || axes.length === 0 || !flow.holdsPositions(axes)) {
    throw unsupported(node, 'it averages over something else than all rows and columns of a map');
  }
  const channels = flow.map[2];
  const at = flow.channelAxis();
  const averaged = flow.to({ kind: 'mean', node }, [1, 1, channels], [undefined, undefined, at]);
  return keep
    ? averaged
    : averaged.reshaped(
        node,
        averaged.shape.filter((_, axis) => !axes.includes(axis)),
      );
}
