/** What is said about a set of measurements. */
export interface Distribution {
  mean: number;
  median: number;
  min: number;
  max: number;
}

/** Summarises at least one value. The median of an even number of values is the mean of the middle two. */
export function distribution(values: readonly number[]): Distribution {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { mean: mean(values), median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Returns the mean; 0 for no values. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns the standard deviation of a sample (n - 1); null for a single value. */
export function sampleDeviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
