/** PRIOT-S: which edges have scores (docs/arithmetic.md, "PRIOT-S"). */
import { drawScore, seed0, Xorshift32 } from '../random.js';

/** Returns the number of scored edges of a layer: floor(edges * permille / 1000). */
export function scoredCount(edges: number, permille: number): number {
  return Math.floor((edges * permille) / 1000);
}

/**
 * Draws scores and a random selection for PRIOT-S: 0 or 1 per edge of all layers. The keys are drawn right after each
 * layer's scores, so that the scores of a random selection are not those of drawScores; both are returned.
 */
export function drawScoresAndSelection(
  edgesPerLayer: readonly number[],
  permillePerLayer: readonly number[],
  seed: number,
): { scores: Int8Array; scored: Uint8Array } {
  const random = new Xorshift32(seed0(seed));
  const edges = edgesPerLayer.reduce((sum, layerEdges) => sum + layerEdges, 0);
  const scores = new Int8Array(edges);
  const scored = new Uint8Array(edges);
  let offset = 0;
  for (const [layer, layerEdges] of edgesPerLayer.entries()) {
    for (let edge = 0; edge < layerEdges; edge += 1) scores[offset + edge] = drawScore(random);
    const keys = Uint16Array.from({ length: layerEdges }, () => random.next() >>> 16);
    const count = scoredCount(layerEdges, permillePerLayer[layer]!);
    for (const edge of smallest(keys, count)) scored[offset + edge] = 1;
    offset += layerEdges;
  }
  return { scores, scored };
}

/** Selects by weight for PRIOT-S: 1 for the edges of largest |weight| in each layer, ties to the lower edge. */
export function selectLargestWeights(
  weights: Int8Array,
  edgesPerLayer: readonly number[],
  permillePerLayer: readonly number[],
): Uint8Array {
  const keys = weights.map((weight) => -Math.abs(weight));
  return selectSmallest(keys, edgesPerLayer, permillePerLayer);
}

/**
 * Selects for PRIOT-S: 1 for the edges of each layer whose scores fell the most, of equal ones those of largest |weight|,
 * then the lower edge.
 */
export function selectByTrial(
  fallen: Int8Array,
  weights: Int8Array,
  edgesPerLayer: readonly number[],
  permillePerLayer: readonly number[],
): Uint8Array {
  const keys = Int16Array.from(weights, (weight, edge) => -(fallen[edge]! * 128 + Math.abs(weight)));
  return selectSmallest(keys, edgesPerLayer, permillePerLayer);
}

/** Selects the edges of smallest key in each layer: 1 for those, ties to the lower edge. */
function selectSmallest(
  keys: Int8Array | Int16Array,
  edgesPerLayer: readonly number[],
  permillePerLayer: readonly number[],
): Uint8Array {
  const scored = new Uint8Array(keys.length);
  let offset = 0;
  for (const [layer, edges] of edgesPerLayer.entries()) {
    const count = scoredCount(edges, permillePerLayer[layer]!);
    for (const edge of smallest(keys.subarray(offset, offset + edges), count)) scored[offset + edge] = 1;
    offset += edges;
  }
  return scored;
}

/** Indices of the `count` smallest (key, index). */
function smallest(keys: Uint16Array | Int16Array | Int8Array, count: number): Uint32Array {
  const order = Uint32Array.from(keys, (_, index) => index);
  return order.sort((a, b) => keys[a]! - keys[b]! || a - b).subarray(0, count);
}
