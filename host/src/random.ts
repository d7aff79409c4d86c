/** Random numbers from a seed alone: training sessions, pretraining (docs/arithmetic.md, "Random numbers"). */

/** xorshift32 with the shifts 13, 17, 5. A state of 0 is replaced by 1. */
export class Xorshift32 {
  private state: number;

  constructor(state: number) {
    this.state = state >>> 0 || 1;
  }

  /** The next number, 1..2^32-1. */
  next(): number {
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state >>> 0;
    return this.state;
  }
}

/** The state from which everything of session `seed` (0..2^32-1) is drawn. */
export function seed0(seed: number): number {
  return (Math.imul(seed, 747796405) + 2891336453) >>> 0;
}

/** One score per edge: the sum of four bytes, std about 32, within -110..109. */
function drawScore(random: Xorshift32): number {
  const draw = random.next();
  const sum = (draw & 255) + ((draw >>> 8) & 255) + ((draw >>> 16) & 255) + (draw >>> 24);
  return ((sum - 510) * 55) >> 8;
}

/** Initial scores of all layers in canonical order. */
export function drawScores(edgesPerLayer: readonly number[], seed: number): Int8Array {
  const random = new Xorshift32(seed0(seed));
  return Int8Array.from({ length: edgesPerLayer.reduce((sum, edges) => sum + edges, 0) }, () => drawScore(random));
}

/** Scored edges of a layer: floor(edges * permille / 1000). */
export function scoredCount(edges: number, permille: number): number {
  return Math.floor((edges * permille) / 1000);
}

/**
 * PRIOT-S, random selection: 0 or 1 per edge of all layers. The keys are drawn right after each layer's scores, so that
 * the scores of a random selection are not those of drawScores; both are returned.
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

/** PRIOT-S, selection by weight: 1 for the edges of largest |weight| in each layer, ties to the lower edge. */
export function selectLargestWeights(
  weights: Int8Array,
  edgesPerLayer: readonly number[],
  permillePerLayer: readonly number[],
): Uint8Array {
  const scored = new Uint8Array(weights.length);
  let offset = 0;
  for (const [layer, layerEdges] of edgesPerLayer.entries()) {
    const keys = weights.subarray(offset, offset + layerEdges).map((weight) => -Math.abs(weight));
    for (const edge of smallest(keys, scoredCount(layerEdges, permillePerLayer[layer]!))) scored[offset + edge] = 1;
    offset += layerEdges;
  }
  return scored;
}

/** Indices of the `count` smallest (key, index). */
function smallest(keys: Uint16Array | Int8Array, count: number): Uint32Array {
  const order = Uint32Array.from(keys, (_, index) => index);
  return order.sort((a, b) => keys[a]! - keys[b]! || a - b).subarray(0, count);
}

/** The order of the images of each epoch: a Fisher-Yates shuffle of the order of the epoch before. */
export class EpochOrder {
  private readonly random: Xorshift32;
  private readonly order: Uint32Array;
  private epoch = -1;

  constructor(seed: number, images: number) {
    this.random = new Xorshift32(seed0(seed) ^ 0x5bd1e995);
    this.order = Uint32Array.from({ length: images }, (_, index) => index);
  }

  /** Image of each step of `epoch` (0-based), a view that is valid until the next call. Epochs only go up. */
  of(epoch: number): Uint32Array {
    if (epoch < this.epoch) throw new RangeError(`epoch ${epoch} after epoch ${this.epoch}`);
    while (this.epoch < epoch) {
      this.shuffle();
      this.epoch += 1;
    }
    return this.order;
  }

  private shuffle(): void {
    for (let last = this.order.length - 1; last >= 1; last -= 1) {
      // at most 2^32 * 2^21: exact in a double
      const other = Math.floor((this.random.next() * (last + 1)) / 2 ** 32);
      const image = this.order[last]!;
      this.order[last] = this.order[other]!;
      this.order[other] = image;
    }
  }
}
