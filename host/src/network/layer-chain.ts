/** Layers from the keys of a file: what follows from the layers below is derived, or checked where the file says it. */
import type { Conv2dJson, LayerJson, LinearJson, Operation, Sides, SumPoolJson, TrainedJson } from './layer-keys.js';
import { limits } from './limits.js';
import type { Conv2dLayer, LinearLayer, NetworkLayer, SumPoolLayer } from './network.js';
import { layerEdges, mapShape, outputShape, type Shape } from './network-shape.js';

/** Layers that were read, or what is wrong with them. */
export type ParsedLayers =
  | { readonly layers: readonly NetworkLayer[]; readonly complaints?: undefined }
  | { readonly complaints: readonly string[] };

/**
 * Makes layers of keys that passed `checkLayer`. Complaints name the layer.
 * @param labels `layer conv1:`, one per layer
 * @param input shape of the images, where the file says it
 */
export function chain(items: readonly LayerJson[], labels: readonly string[], input: Shape | undefined): ParsedLayers {
  const complaints: string[] = [];
  const layers: NetworkLayer[] = [];
  for (const [index, json] of items.entries()) {
    const label = labels[index]!;
    const below = layers.at(-1);
    const wrong = (rule: string) => complaints.push(`${label} ${rule}`);
    if (layers.some((layer) => layer.name === json.name)) wrong('there are two layers of this name');
    const order = orderComplaint(json.op, below);
    if (order !== undefined) return { complaints: [...complaints, `${label} ${order}`] };
    const layer = shapedLayer(json, below === undefined ? input : outputShape(below), below?.name, wrong);
    if (layer === undefined) return { complaints };
    const edges = layerEdges(layer);
    if (json.edges !== undefined && json.edges !== edges) {
      wrong(`edges is ${json.edges}; it must be ${edges}, which follows from the shapes`);
    }
    layers.push({ ...layer, edges } as NetworkLayer);
  }
  const last = layers.at(-1)!;
  const label = labels.at(-1)!;
  if (last.op !== 'linear' || last.relu) {
    complaints.push(`${label} the last layer must be linear and without ReLU: its outputs are the classes`);
  } else if (last.outFeatures > limits.classes) {
    complaints.push(
      `${label} out_features is ${last.outFeatures}; the last layer has at most ${limits.classes}, one a class`,
    );
  }
  const edges = layers.reduce((sum, layer) => sum + layer.edges, 0);
  if (edges > limits.edges) {
    complaints.push(`the layers have ${readable(edges)} edges; ${readable(limits.edges)} are allowed`);
  }
  return complaints.length > 0 ? { complaints } : { layers };
}

function orderComplaint(op: Operation, below: NetworkLayer | undefined): string | undefined {
  if (op === 'conv2d' && below !== undefined && below.op !== 'conv2d') {
    return `op is "conv2d"; convolutions come before ${below.op === 'linear' ? 'linear layers' : 'a sum_pool'}`;
  }
  if (op === 'sum_pool' && below?.op !== 'conv2d') return 'op is "sum_pool"; below it there must be a convolution';
  return undefined;
}

/** Returns the layer without its edges; undefined when its shape cannot be had, which `wrong` was told. */
function shapedLayer(
  json: LayerJson,
  given: Shape | undefined,
  below: string | undefined,
  wrong: (rule: string) => void,
): NetworkLayer | undefined {
  const origin = below === undefined ? 'the input_shape' : `the output of ${below}`;
  if (json.op === 'linear') {
    const features = given && given[0] * given[1] * given[2];
    const inFeatures = json.in_features ?? features;
    if (inFeatures === undefined)
      return void wrong('in_features is missing; it must be there, or input_shape in the file');
    if (features !== undefined && inFeatures !== features) {
      return void wrong(`in_features is ${inFeatures}; it must be ${features}, ${origin}`);
    }
    return bounded(linear(json, inFeatures), wrong);
  }
  const inShape = (json.in_shape as Shape | undefined) ?? given;
  if (inShape === undefined) return void wrong('in_shape is missing; it must be there, or input_shape in the file');
  if (given !== undefined && inShape.some((side, axis) => side !== given[axis])) {
    return void wrong(`in_shape is [${inShape.join(', ')}]; it must be [${given.join(', ')}], ${origin}`);
  }
  if (json.op === 'sum_pool') return bounded(sumPool(json, inShape), wrong);
  const layer = convolution(json, inShape);
  if (
    json.groups !== undefined &&
    json.groups !== 1 &&
    !(json.groups === inShape[2] && layer.outChannels === inShape[2])
  ) {
    return void wrong(
      inShape[2] === 1
        ? `groups is ${json.groups}; it must be 1: there is one input channel`
        : `groups is ${json.groups}; it must be 1, an ordinary convolution, or ${inShape[2]} with as many out_channels, a depthwise one`,
    );
  }
  const map = mapShape(layer);
  const least = layer.pool ? 2 : 1;
  if (map[0] < least || map[1] < least) {
    return void wrong(
      `kernel is ${JSON.stringify(json.kernel)}; it leaves a map of ${Math.max(0, map[0])}x${Math.max(0, map[1])}, and ${least}x${least} is needed${layer.pool ? ' for the pool' : ''}`,
    );
  }
  return bounded(layer, wrong);
}

function bounded(layer: NetworkLayer, wrong: (rule: string) => void): NetworkLayer | undefined {
  const input = layer.op === 'linear' ? layer.inFeatures : product(layer.inShape);
  const output = product(mapShape(layer));
  for (const [what, elements] of [
    ['its input', input],
    ['its output before the pool', output],
  ] as const) {
    if (elements > limits.mapElements) {
      return void wrong(`${what} has ${readable(elements)} elements; ${readable(limits.mapElements)} are allowed`);
    }
  }
  return layer;
}

function convolution(json: Conv2dJson & Partial<TrainedJson>, inShape: Shape): Conv2dLayer {
  return {
    ...common(json),
    op: 'conv2d',
    inShape: [...inShape],
    outChannels: json.out_channels,
    depthwise: json.groups !== undefined && json.groups > 1,
    kernel: spread(json.kernel, 2),
    stride: spread(json.stride ?? 1, 2),
    padding: spread(json.padding ?? 0, 4),
    pool: json.pool === 2,
  };
}

function linear(json: LinearJson & Partial<TrainedJson>, inFeatures: number): LinearLayer {
  return { ...common(json), op: 'linear', inFeatures, outFeatures: json.out_features };
}

function sumPool(json: SumPoolJson & Partial<TrainedJson>, inShape: Shape): SumPoolLayer {
  const { name, shifts } = common(json);
  const fixed = { relu: false, edges: 0, weightExponent: 0, belowThreshold: 'zero' } as const;
  return { name, op: 'sum_pool', inShape: [...inShape], ...fixed, ...(shifts && { shifts }) };
}

function common(json: LayerJson) {
  return {
    name: json.name,
    relu: json.relu ?? false,
    edges: 0,
    weightExponent: json.weight_exponent ?? 0,
    belowThreshold: (json.op === 'sum_pool' ? undefined : json.below_threshold) ?? ('zero' as const),
    ...(json.bias_exponent === undefined ? {} : { biasExponent: json.bias_exponent }),
    ...(json.shifts === undefined ? {} : { shifts: { ...json.shifts } }),
  };
}

function spread<Length extends 2 | 4>(sides: Sides, length: Length): SidesOf<Length> {
  return (typeof sides === 'number' ? new Array<number>(length).fill(sides) : [...sides]) as unknown as SidesOf<Length>;
}
type SidesOf<Length extends 2 | 4> = Length extends 2
  ? readonly [number, number]
  : readonly [number, number, number, number];

function product(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}

function readable(count: number): string {
  return count.toLocaleString('en');
}
