/**
 * Channels of a hidden layer brought to like sizes, which changes no output: ReLU(s * x) = s * ReLU(x), so a channel may be
 * scaled by s where it is made and by 1/s where it is read ("cross-layer equalisation", arXiv 1906.04721). Narrow weights
 * with one power of two per layer need it where batch normalisation has left some channels far smaller than others.
 */
import type { FloatLayer, FloatNetwork } from './float-network.js';
import { quantiseWeights } from './quantise.js';

/** The sizes have settled long before. */
const PASSES = 20;

/** Returns the equalised network where its weights lose less at this width, else the network itself. */
export function equalisedForWidth(network: FloatNetwork, bits: number): FloatNetwork {
  const equal = equalised(network);
  return weightLoss(equal, bits) < weightLoss(network, bits) ? equal : network;
}

/** Returns a network with the same outputs whose channels have the same largest weight where they are made and where read. */
export function equalised(network: FloatNetwork): FloatNetwork {
  const layers = network.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.slice(),
    bias: layer.bias.slice(),
  }));
  for (let pass = 0; pass < PASSES; pass++) {
    for (const [index, layer] of layers.entries()) {
      const next = layers[index + 1]?.op === 'sum_pool' ? layers[index + 2] : layers[index + 1];
      // a clip at a fixed number is not scaled along
      if (next !== undefined && layer.op !== 'sum_pool' && layer.highest === undefined) equalisePair(layer, next);
    }
  }
  return { ...network, layers };
}

function equalisePair(layer: FloatLayer, next: FloatLayer): void {
  const channels = layer.bias.length;
  const fanIn = layer.weights.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    const made = layer.weights.subarray(channel * fanIn, (channel + 1) * fanIn);
    const edges = readingEdges(next, channel, channels);
    const largestMade = made.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    const largestRead = edges.reduce((most, edge) => Math.max(most, Math.abs(next.weights[edge]!)), 0);
    if (largestMade === 0 || largestRead === 0) continue;
    const scale = Math.sqrt(largestRead / largestMade);
    for (let tap = 0; tap < fanIn; tap++) made[tap]! *= scale;
    layer.bias[channel]! *= scale;
    for (const edge of edges) next.weights[edge]! /= scale;
  }
}

/** The edges of a layer that read one channel of the layer below; a linear layer reads it at every position of its map. */
function readingEdges(layer: FloatLayer, channel: number, channels: number): number[] {
  const fanIn = layer.weights.length / layer.bias.length;
  if (layer.op === 'conv2d' && layer.depthwise) return Array.from({ length: fanIn }, (_, tap) => channel * fanIn + tap);
  const edges: number[] = [];
  for (let o = 0; o < layer.bias.length; o++) {
    for (let tap = channel; tap < fanIn; tap += channels) edges.push(o * fanIn + tap);
  }
  return edges;
}

/** What rounding takes from the weights: squared error as a share of their own squares, added up over the narrow layers. */
function weightLoss({ layers }: FloatNetwork, bits: number): number {
  let loss = 0;
  for (const { weights } of layers.slice(0, -1)) {
    const size = weights.reduce((sum, weight) => sum + weight * weight, 0);
    if (size === 0) continue;
    const { weights: whole, exponent } = quantiseWeights(weights, bits);
    const unit = 2 ** exponent;
    loss += weights.reduce((sum, weight, edge) => sum + (weight - whole[edge]! * unit) ** 2, 0) / size;
  }
  return loss;
}
