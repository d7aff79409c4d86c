/** Conv: an ordinary or a depthwise convolution, with its padding as numbers. */
import type { Flow } from './flow.js';
import type { GraphNode } from './graph.js';
import { unsupported } from './refusal.js';
import { shownShape } from './shapes.js';
import type { Tensor } from './tensor.js';

/** Sends the image through a convolution, NCHW. @throws DataError ONNX_UNSUPPORTED */
export function convolution(node: GraphNode, image: Flow, weights: Tensor, bias: Tensor | undefined): Flow {
  const { attributes } = node;
  if (weights.shape.length !== 4) {
    throw unsupported(node, `its weights of ${shownShape(weights.shape)} are not of a 2-d convolution`);
  }
  const flow = image.readMap(node, [2, 3, 1]);
  const [height, width, channels] = flow.map!;
  const [outChannels, groupChannels, rows, columns] = weights.shape as [number, number, number, number];
  const groups = attributes.integer('group', 1);
  if (groups !== 1 && (groups !== channels || outChannels !== channels)) {
    throw unsupported(
      node,
      `it has ${groups} groups of ${channels} input and ${outChannels} output channels; 1 group, or one a channel with as many outputs, can be represented`,
    );
  }
  if (groupChannels * groups !== channels || weights.values.length === 0) {
    throw unsupported(node, `its weights of ${shownShape(weights.shape)} do not fit ${channels} input channels`);
  }
  if (bias !== undefined && bias.values.length !== outChannels) {
    throw unsupported(node, `its bias has ${bias.values.length} values for ${outChannels} channels`);
  }
  const dilations = attributes.integers('dilations', [1, 1]);
  if (dilations.some((side) => side !== 1)) {
    throw unsupported(node, `its kernel is spread by ${shownShape(dilations)} (dilation), which cannot be represented`);
  }
  const stride = pair(node, 'strides', attributes.integers('strides', [1, 1]));
  const padding = paddingOf(node, [height, width], [rows, columns], stride);
  const side = (input: number, before: number, after: number, kernel: number, step: number): number =>
    Math.floor((input + before + after - kernel) / step) + 1;
  const output = [
    side(height, padding[0], padding[2], rows, stride[0]),
    side(width, padding[1], padding[3], columns, stride[1]),
    outChannels,
  ] as const;
  if (output[0] < 1 || output[1] < 1) {
    throw unsupported(node, `its kernel of ${rows}x${columns} does not fit a map of ${height}x${width}`);
  }
  return flow.to({ kind: 'convolution', node, weights, bias, groups, stride, padding }, output, [2, 3, 1]);
}

function pair(node: GraphNode, name: string, values: readonly number[]): [number, number] {
  if (values.length !== 2 || values.some((value) => value < 1)) {
    throw unsupported(node, `its ${name} are ${shownShape(values)}`);
  }
  return [values[0]!, values[1]!];
}

/** [top, left, bottom, right]. SAME gives ceil(side / stride) outputs; an odd zero goes to the end, or with SAME_LOWER to the beginning. */
function paddingOf(
  node: GraphNode,
  input: readonly [number, number],
  kernel: readonly [number, number],
  stride: readonly [number, number],
): [number, number, number, number] {
  const automatic = node.attributes.text('auto_pad', 'NOTSET');
  if (automatic === 'VALID') return [0, 0, 0, 0];
  if (automatic === 'SAME_UPPER' || automatic === 'SAME_LOWER') {
    const [rows, columns] = [0, 1].map((axis) => {
      const outputs = Math.ceil(input[axis]! / stride[axis]!);
      const total = Math.max(0, (outputs - 1) * stride[axis]! + kernel[axis]! - input[axis]!);
      const less = Math.floor(total / 2);
      return automatic === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
    }) as [[number, number], [number, number]];
    return [rows[0], columns[0], rows[1], columns[1]];
  }
  if (automatic !== 'NOTSET') throw unsupported(node, `its auto_pad is ${JSON.stringify(automatic.slice(0, 40))}`);
  const pads = node.attributes.integers('pads', [0, 0, 0, 0]);
  if (pads.length !== 4 || pads.some((side) => side < 0)) throw unsupported(node, `its pads are ${shownShape(pads)}`);
  return [pads[0]!, pads[1]!, pads[2]!, pads[3]!];
}
