/** Shapes and sizes that follow from a network's layers. */
import type { Conv2dLayer, Network, NetworkLayer } from './network.js';

/** [height, width, channels]; a vector is [1, 1, features]. */
export type Shape = readonly [number, number, number];

/** Of a convolution's map before its pool: floor((H + 2p - k) / s) + 1. Not positive when the kernel does not fit. */
export function convolutionSide(layer: Pick<Conv2dLayer, 'kernel' | 'stride' | 'padding'>, side: number): number {
  return Math.floor((side + 2 * layer.padding - layer.kernel) / layer.stride) + 1;
}

export function inputShape(layer: NetworkLayer): Shape {
  return layer.op === 'conv2d' ? layer.inShape : [1, 1, layer.inFeatures];
}

/** After the pool, which drops an odd last row or column. */
export function outputShape(layer: NetworkLayer): Shape {
  if (layer.op === 'linear') return [1, 1, layer.outFeatures];
  const [height, width] = layer.inShape;
  const sides = [convolutionSide(layer, height), convolutionSide(layer, width)] as const;
  return layer.pool
    ? [Math.floor(sides[0] / 2), Math.floor(sides[1] / 2), layer.outChannels]
    : [sides[0], sides[1], layer.outChannels];
}

/** Edges of a layer: OHWI for a convolution, [o][i] for a linear layer. */
export function layerEdges(layer: NetworkLayer): number {
  return layer.op === 'conv2d'
    ? layer.outChannels * layer.kernel * layer.kernel * layer.inShape[2]
    : layer.outFeatures * layer.inFeatures;
}

/** Edges of all layers: the length of weights, scores and learned state. */
export function edgeCount(network: Pick<Network, 'layers'>): number {
  return network.layers.reduce((sum, layer) => sum + layer.edges, 0);
}

/** Where each layer begins in weights and state. */
export function layerOffsets(network: Pick<Network, 'layers'>): number[] {
  let offset = 0;
  return network.layers.map((layer) => {
    const start = offset;
    offset += layer.edges;
    return start;
  });
}

/** Bytes of an image the network takes. */
export function imageBytes(network: Pick<Network, 'layers'>): number {
  return inputShape(network.layers[0]!).reduce((product, side) => product * side, 1);
}

/** Classes: features of the last layer. */
export function outputCount(network: Pick<Network, 'layers'>): number {
  return outputShape(network.layers.at(-1)!)[2];
}
