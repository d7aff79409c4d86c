import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AdaptiveHistogram, BucketedSeries } from '#host/report/step-series.js';

const cycles = fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 3000 });

test('buckets keep count, sum and extremes of every value, and never become more than twice what was asked', () => {
  fc.assert(
    fc.property(cycles, fc.integer({ min: 1, max: 50 }), (values, most) => {
      const series = new BucketedSeries(most);
      for (const [step, value] of values.entries()) series.add(step, value);
      const buckets = series.values();
      expect(buckets.length).toBeLessThanOrEqual(2 * most);
      let at = 0;
      for (const { first, count, sum, min, max } of buckets) {
        const part = values.slice(at, at + count);
        expect({ first, sum, min, max }).toEqual({
          first: at,
          sum: part.reduce((total, value) => total + value, 0),
          min: Math.min(...part),
          max: Math.max(...part),
        });
        at += count;
      }
      expect(at).toBe(values.length);
    }),
  );
});

test('a series that begins late (a run that goes on from a checkpoint) keeps its steps', () => {
  const series = new BucketedSeries(4);
  for (let step = 1000; step < 1100; step += 1) series.add(step, step);
  expect(series.values()[0]?.first).toBe(1000);
  expect(series.values().reduce((sum, bucket) => sum + bucket.count, 0)).toBe(100);
});

test('a histogram counts every value in the bin that holds it', () => {
  fc.assert(
    fc.property(cycles, fc.integer({ min: 1, max: 60 }), (values, most) => {
      const histogram = new AdaptiveHistogram(most);
      for (const value of values) histogram.add(value);
      const bins = histogram.bins();
      expect(bins.length).toBeLessThanOrEqual(most);
      for (const { low, width, count } of bins) {
        expect(values.filter((value) => value >= low && value < low + width)).toHaveLength(count);
      }
      expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
    }),
  );
});
