/**
 * Architectures: a network without weights and exponents, as `priot pretrain --architecture FILE` reads it
 * (docs/networks.md). Shapes are derived, so a file says only what its author decides.
 */
import { DataError } from '../errors.js';
import { JsonObject } from './json-object.js';
import type { NetworkLayer } from './network.js';
import { fanIn, layerEdges, mapShape, outputShape, type Shape } from './network-shape.js';

export interface Architecture {
  readonly name: string;
  readonly layers: readonly NetworkLayer[];
}

/**
 * Parses {"name", "input_shape": [H, W, C], "layers": [{"name", "op", "out_channels" | "out_features", "kernel",
 * "stride", "padding", "pool", "relu"}]}. Throws DataError NETWORK_MALFORMED.
 */
export function parseArchitecture(json: unknown, file: string): Architecture {
  const root = new JsonObject(json, file);
  let shape = root.integers('input_shape', 3, 1, 65535) as unknown as Shape;
  const layers: NetworkLayer[] = [];
  for (const [index, value] of root.array('layers').entries()) {
    const fields = new JsonObject(value, `${file}: layer ${index + 1}`);
    const layer = parseLayer(fields, shape, layers.at(-1));
    layers.push(layer);
    shape = outputShape(layer);
  }
  const last = layers.at(-1)!;
  if (last.op !== 'linear' || last.relu) {
    throw new DataError('NETWORK_MALFORMED', `${file}: the last layer must be linear and without ReLU`);
  }
  return { name: root.name('name'), layers };
}

function parseLayer(fields: JsonObject, input: Shape, below: NetworkLayer | undefined): NetworkLayer {
  const common = {
    name: fields.name('name'),
    relu: fields.boolean('relu'),
    edges: 0,
    weightExponent: 0,
    belowThreshold: 'zero' as const,
  };
  const layer = fields.oneOf('op', ['conv2d', 'linear'] as const) === 'conv2d' ? convolution() : linear();
  const edges = layerEdges(layer);
  return { ...layer, edges, weightExponent: initialExponent(fanIn(layer)) } as NetworkLayer;

  function convolution(): NetworkLayer {
    if (below?.op === 'linear') fields.fail('"op"', 'conv2d', 'must not follow a linear layer');
    const kernel = fields.integer('kernel', 1, 255);
    const stride = fields.integer('stride', 1, 255);
    const padding = fields.integer('padding', 0, 254);
    const conv: NetworkLayer = {
      ...common,
      op: 'conv2d' as const,
      inShape: input,
      outChannels: fields.integer('out_channels', 1, 65535),
      depthwise: false,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding, padding, padding],
      pool: fields.oneOf('pool', [0, 2] as const) === 2,
    };
    const least = conv.pool ? 2 : 1;
    if (mapShape(conv).some((side) => side < least)) {
      fields.fail('"kernel"', kernel, `leaves too little of a ${input[0]}x${input[1]} map`);
    }
    return conv;
  }

  function linear(): NetworkLayer {
    const outFeatures = fields.integer('out_features', 1, 65535);
    return { ...common, op: 'linear' as const, inFeatures: input[0] * input[1] * input[2], outFeatures };
  }
}

/** Standard deviation of the uniform distribution over -127..127 that weights are drawn from. */
const INITIAL_DEVIATION = 73.6;

/** The exponent at which such weights have He's deviation sqrt(2 / fan_in) (arXiv 1502.01852). */
function initialExponent(inputs: number): number {
  return -Math.round(Math.log2(INITIAL_DEVIATION * Math.sqrt(inputs / 2)));
}
