/** Shapes and sizes that follow from a network's layers. */
import type { Conv2dLayer, Network, NetworkLayer } from './network.js';

/** [height, width, channels]; a vector is [1, 1, features]. */
export type Shape = readonly [number, number, number];

/**
 * Returns the shape of a layer's output before its pool: of a convolution floor((H + top + bottom - kh) / sv) + 1 rows
 * and likewise columns. A side is not positive when the kernel does not fit.
 */
export function mapShape(layer: NetworkLayer): Shape {
  if (layer.op === 'linear') return [1, 1, layer.outFeatures];
  const [height, width, channels] = layer.inShape;
  if (layer.op === 'sum_pool') return [1, 1, channels];
  const { kernel, stride, padding } = layer;
  const [top, left, bottom, right] = padding;
  const rows = Math.floor((height + top + bottom - kernel[0]) / stride[0]) + 1;
  const columns = Math.floor((width + left + right - kernel[1]) / stride[1]) + 1;
  return [rows, columns, layer.outChannels];
}

/** Returns the shape of a layer's input; that of a linear layer is [1, 1, features]. */
export function inputShape(layer: NetworkLayer): Shape {
  return layer.op === 'linear' ? [1, 1, layer.inFeatures] : layer.inShape;
}

/** Returns the shape of a layer's output, after the pool, which drops an odd last row or column. */
export function outputShape(layer: NetworkLayer): Shape {
  const map = mapShape(layer);
  return hasPool(layer) ? [Math.floor(map[0] / 2), Math.floor(map[1] / 2), map[2]] : map;
}

/** Tells whether a layer ends in a 2x2 max pool. */
export function hasPool(layer: NetworkLayer): layer is Conv2dLayer {
  return layer.op === 'conv2d' && layer.pool;
}

/** Returns the number of a layer's edges into one output: the inputs that are summed up for it, padding included. */
export function fanIn(layer: NetworkLayer): number {
  if (layer.op === 'linear') return layer.inFeatures;
  if (layer.op === 'sum_pool') return layer.inShape[0] * layer.inShape[1];
  return layer.kernel[0] * layer.kernel[1] * (layer.depthwise ? 1 : layer.inShape[2]);
}

/** Returns a layer's edges as they follow from its shapes: OHWI for a convolution, [o][i] for a linear layer. */
export function layerEdges(layer: NetworkLayer): number {
  return layer.op === 'sum_pool' ? 0 : fanIn(layer) * mapShape(layer)[2];
}

/** Returns the edges of all layers: the length of weights, scores and learned state. */
export function edgeCount(network: Pick<Network, 'layers'>): number {
  return network.layers.reduce((sum, layer) => sum + layer.edges, 0);
}

/** Returns where each layer begins in weights and state. */
export function layerOffsets(network: Pick<Network, 'layers'>): number[] {
  let offset = 0;
  return network.layers.map((layer) => {
    const start = offset;
    offset += layer.edges;
    return start;
  });
}

/** Returns the number of a layer's biases: one per output channel, or none. */
export function layerBiases(layer: NetworkLayer): number {
  return layer.biasExponent === undefined ? 0 : mapShape(layer)[2];
}

/** Returns the biases of all layers: the length of `biases`. */
export function biasCount(network: Pick<Network, 'layers'>): number {
  return network.layers.reduce((sum, layer) => sum + layerBiases(layer), 0);
}

/** Returns the bytes of an image that the network takes. */
export function imageBytes(network: Pick<Network, 'layers'>): number {
  return inputShape(network.layers[0]!).reduce((product, side) => product * side, 1);
}

/** Returns the number of classes: the features of the last layer. */
export function outputCount(network: Pick<Network, 'layers'>): number {
  return outputShape(network.layers.at(-1)!)[2];
}

/** Returns the elements of the largest map: a layer's input, or its output before the pool. */
export function largestMap(network: Pick<Network, 'layers'>): number {
  return Math.max(...network.layers.flatMap((layer) => [inputShape(layer), mapShape(layer)]).map(elements));
}

function elements(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}
