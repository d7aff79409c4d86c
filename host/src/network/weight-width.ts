/**
 * How many bits a network's weights take. Frozen ones need few, and the fewer, the more products the device adds up
 * before a 16-bit lane is full; trained ones need all eight, or their steps are coarse and their sums outgrow the
 * static shifts.
 */
import type { LayerShifts, Network, NetworkLayer } from './network.js';
import { layerOffsets } from './network-shape.js';

const MAX_WEIGHT = 127;

/**
 * Rounds the weights of all layers but the last to `bits`, sign included, in units of a power of two for each layer:
 * halves away from zero, saturated. For a network without shifts: those in its layers are taken away.
 */
export function narrowWeights(network: Network, bits: number): Network {
  const limit = 2 ** (bits - 1) - 1;
  const last = network.layers.length - 1;
  return mapLayers(network, ({ shifts: _, ...layer }, weights, index) => {
    if (layer.op === 'sum_pool') return layer;
    const shift = index === last ? 0 : Math.max(0, bitLength(largestMagnitude(weights)) - bitLength(limit));
    if (shift === 0) return layer;
    const half = 2 ** (shift - 1);
    weights.forEach((weight, edge) => {
      weights[edge] = Math.sign(weight) * Math.min(limit, Math.floor((Math.abs(weight) + half) / 2 ** shift));
    });
    return { ...layer, weightExponent: layer.weightExponent + shift };
  });
}

/**
 * Returns the same network with each layer's weights in the smallest unit that lets them fit into eight bits, and
 * shifts to match: accumulators grow by a power of two, which the shifts take back, so activations, deltas and
 * gradients stay the same numbers. What NITI trains.
 */
export function widenWeights(network: Network): Network {
  return mapLayers(network, (layer, weights) => {
    const largest = largestMagnitude(weights);
    if (layer.op === 'sum_pool') return layer;
    const shift = largest === 0 ? 0 : bitLength(MAX_WEIGHT) - bitLength(largest);
    if (shift === 0) return layer;
    weights.forEach((weight, edge) => {
      weights[edge] = weight * 2 ** shift;
    });
    return {
      ...layer,
      weightExponent: layer.weightExponent - shift,
      ...(layer.shifts && { shifts: widened(layer.shifts, shift) }),
    };
  });
}

function widened(shifts: LayerShifts, shift: number): LayerShifts {
  return {
    ...shifts,
    activation: shifts.activation + shift,
    ...(shifts.error === undefined ? {} : { error: shifts.error + shift }),
    ...(shifts.score === undefined ? {} : { score: shifts.score + shift }),
  };
}

/**
 * Makes a network with every layer changed.
 * @param change of a layer and a copy of its weights, which it may write to
 */
function mapLayers(
  network: Network,
  change: (layer: NetworkLayer, weights: Int8Array, index: number) => NetworkLayer,
): Network {
  const weights = network.weights.slice();
  const offsets = layerOffsets(network);
  const layers = network.layers.map((layer, index) =>
    change(layer, weights.subarray(offsets[index]!, offsets[index]! + layer.edges), index),
  );
  return { ...network, layers, weights };
}

function largestMagnitude(weights: Int8Array): number {
  return weights.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0);
}

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}
