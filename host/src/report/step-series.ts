/** Series of numbers per step in bounded memory: what a page draws of thirty thousand steps, or of thirty million. */

/** Consecutive steps that a plot shows as one point. */
export interface Bucket {
  /** First step, counted from 0. */
  readonly first: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** Holds a series as at most twice `most` buckets of equal width; the width doubles whenever they run out. */
export class BucketedSeries {
  private buckets: Bucket[] = [];
  private width = 1;

  constructor(private readonly most: number) {}

  /** Takes the value of a step; steps come in ascending order. */
  add(step: number, value: number): void {
    const index = Math.floor(step / this.width);
    const last = this.buckets.at(-1);
    if (last !== undefined && Math.floor(last.first / this.width) === index) {
      this.buckets[this.buckets.length - 1] = merged(last, {
        first: step,
        count: 1,
        sum: value,
        min: value,
        max: value,
      });
      return;
    }
    this.buckets.push({ first: step, count: 1, sum: value, min: value, max: value });
    while (this.buckets.length > 2 * this.most) this.halve();
  }

  /** Returns the buckets so far, ascending. */
  values(): readonly Bucket[] {
    return this.buckets;
  }

  private halve(): void {
    this.width *= 2;
    const halved: Bucket[] = [];
    for (const bucket of this.buckets) {
      const last = halved.at(-1);
      const joins = last !== undefined && Math.floor(last.first / this.width) === Math.floor(bucket.first / this.width);
      if (joins) halved[halved.length - 1] = merged(last, bucket);
      else halved.push(bucket);
    }
    this.buckets = halved;
  }
}

function merged(a: Bucket, b: Bucket): Bucket {
  return {
    first: a.first,
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
  };
}

/** How many values lie in low..low + width - 1. */
export interface HistogramBin {
  readonly low: number;
  readonly width: number;
  readonly count: number;
}

/** Counts whole numbers from 0 in at most `most` bins between the smallest and the largest; the width doubles as needed. */
export class AdaptiveHistogram {
  private counts = new Map<number, number>();
  private width = 1;

  constructor(private readonly most: number) {}

  /** Counts a value. */
  add(value: number): void {
    const bin = Math.floor(value / this.width);
    this.counts.set(bin, (this.counts.get(bin) ?? 0) + 1);
    while (this.span() > this.most) {
      this.width *= 2;
      const wider = new Map<number, number>();
      for (const [index, count] of this.counts) {
        const half = Math.floor(index / 2);
        wider.set(half, (wider.get(half) ?? 0) + count);
      }
      this.counts = wider;
    }
  }

  /** Returns the bins that hold something, ascending. */
  bins(): HistogramBin[] {
    return [...this.counts.entries()]
      .sort(([a], [b]) => a - b)
      .map(([bin, count]) => ({ low: bin * this.width, width: this.width, count }));
  }

  private span(): number {
    // at most `most` + 1 keys are ever here, so this stays cheap
    if (this.counts.size < 2) return this.counts.size;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const bin of this.counts.keys()) {
      low = Math.min(low, bin);
      high = Math.max(high, bin);
    }
    return high - low + 1;
  }
}
