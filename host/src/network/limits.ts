/** What a network may be at most (docs/arithmetic.md, "Networks"). A device says its own limits in Hello. */
export const limits = {
  layers: 32,
  edges: 2 ** 24,
  /** The most elements of a layer's input, and of its output before the pool. */
  mapElements: 2 ** 20,
  classes: 64,
  shift: 30,
  /** The largest exponent of weights and input, either sign. */
  exponent: 31,
  /**
   * The largest exponent of biases, either sign: they stand far below the accumulators of a layer whose inputs are
   * small.
   */
  biasExponent: 62,
  /** Kernel, stride and padding. */
  side: 65_535,
} as const;
