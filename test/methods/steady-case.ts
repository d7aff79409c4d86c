/**
 * The conformance case of the steady variant, made from docs/arithmetic.md alone: calibration, initial scores and steps
 * are the reference's, and nothing of them is the host's.
 */
import type { Network, NetworkLayer } from '#host/network/network.js';
import { Xorshift32 } from '#host/random.js';
import { Reference, type ReferenceDebug } from '../kernels/reference.js';

export const STEPS = 32;
const SEED = 14;
/** Four layers learn. */
const MU = 5;
/** Added to the last layer's error shift. */
const LAST_ERROR_CORRECTION = -2;
const FIRST_SCORE_CORRECTION = 2;
const THRESHOLD = -64;
const PIXELS = 64;
const CLASSES = 8;

const convolution = { op: 'conv2d', outChannels: 4, depthwise: false, pool: true } as const;
const around = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] } as const;
const layers: NetworkLayer[] = [
  {
    ...{ ...convolution, ...around, name: 'conv1', inShape: [8, 8, 1], edges: 36 },
    ...{ relu: true, weightExponent: -7, belowThreshold: 'zero' },
  },
  {
    ...{ ...convolution, ...around, name: 'conv2', inShape: [4, 4, 4], edges: 144 },
    ...{ relu: true, weightExponent: -8, belowThreshold: 'zero' },
  },
  {
    ...{ name: 'fc1', op: 'linear', inFeatures: 16, outFeatures: 12, edges: 192 },
    ...{ relu: true, weightExponent: -8, belowThreshold: 'negate' },
  },
  {
    ...{ name: 'fc2', op: 'linear', inFeatures: 12, outFeatures: CLASSES, edges: 96 },
    ...{ relu: false, weightExponent: -7, belowThreshold: 'zero' },
  },
];
const EDGES = layers.reduce((sum, { edges }) => sum + edges, 0);

export interface SteadyCase {
  network: Network;
  images: Uint8Array[];
  labels: number[];
  initialState: Int8Array;
  finalState: Int8Array;
  /** As case.json has them. */
  steps: object[];
}

/** Makes the case. The labels are those that the frozen network predicts, but for one image in four. */
export function makeSteadyCase(): SteadyCase {
  const random = new Xorshift32(SEED);
  const below = (limit: number) => random.next() % limit;
  const weights = Int8Array.from({ length: EDGES }, () => below(63) - 31);
  const images = Array.from({ length: STEPS }, () => {
    const brightest = [128, 48][below(2)]!;
    return Uint8Array.from({ length: PIXELS }, () => (below(3) === 0 ? 0 : below(brightest)));
  });
  const frozen: Network = { inputExponent: -7, lossShift: 4, layers, weights };
  const frozenStep = (image: Uint8Array, label: number) => {
    const reference = new Reference(frozen, { method: 'niti-dynamic', threshold: 0, mu: 0 }, weights.slice());
    return { ...reference.step(image, label), debug: reference.debug };
  };
  const labels = images.map((image, index) => (index % 4 === 3 ? below(CLASSES) : frozenStep(image, 0).prediction));
  const observed = images.map((image, index) => frozenStep(image, labels[index]!));
  const network: Network = {
    ...frozen,
    layers: layers.map((layer, index) => ({ ...layer, shifts: steadyShifts(observed, index) })),
  };
  const drawing = new Xorshift32((Math.imul(SEED, 747796405) + 2891336453) >>> 0);
  const initialState = Int8Array.from({ length: EDGES }, () => {
    const draw = drawing.next();
    const bytes = [0, 8, 16, 24].reduce((sum, shift) => sum + ((draw >>> shift) & 255), 0);
    return Math.max(THRESHOLD, ((bytes - 510) * 55) >> 8);
  });
  const reference = new Reference(network, { method: 'priot', threshold: THRESHOLD }, initialState.slice());
  const steps = images.map((image, index) => stepOf(reference, image, labels[index]!));
  return { network, images, labels, initialState, finalState: reference.state, steps };
}

type Observed = { lossZero: boolean; debug: ReferenceDebug[] };

/** "Calibration" and "The steady variant", 1. */
function steadyShifts(observed: readonly Observed[], index: number) {
  const withLoss = observed.filter(({ lossZero }) => !lossZero).map(({ debug }) => debug[index]!.bits);
  const isLast = index === layers.length - 1;
  const missing = ({ delta }: { delta: number }) => (isLast ? 7 - delta : 0);
  const shift = (bits: number) => Math.max(0, bits - 7);
  const error = mostFrequent(withLoss.map((bits) => shift(bits.error + missing(bits))));
  const score = mostFrequent(withLoss.map((bits) => bits.weighted + missing(bits)));
  return {
    activation: mostFrequent(observed.map(({ debug }) => shift(debug[index]!.bits.accumulator))),
    ...(index > 0 && { error: Math.max(0, error + (isLast ? LAST_ERROR_CORRECTION : 0)) }),
    score: Math.max(0, score - MU) + (index === 0 ? FIRST_SCORE_CORRECTION : 0),
  };
}

/** The most frequent value; of ties the larger. */
function mostFrequent(values: readonly number[]): number {
  const count = (value: number) => values.filter((other) => other === value).length;
  return values.reduce((best, value) => ((count(value) - count(best) || value - best) > 0 ? value : best));
}

function stepOf(reference: Reference, image: Uint8Array, label: number): object {
  const result = reference.step(image, label);
  return {
    label,
    logits: result.logits,
    loss_gradient: [...result.lossGradient],
    layers: result.layers.map(({ input, delta, state }, index) => {
      const { accumulator, errorAccumulator, weighted } = reference.debug[index]!;
      const error = index > 0 && { error_accumulator: errorAccumulator };
      return { input, accumulator, delta, ...error, gradient: weighted, state };
    }),
  };
}
