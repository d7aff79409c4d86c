import { describe, expect, it } from 'vitest';
import type { RunSummary } from '#host/runs/run-manifest.js';
import { formatCsv, formatTable, groupResults, metricOf } from '#host/sweep/sweep-table.js';

const metric = { name: 'accuracy.after', goal: 'maximize' } as const;

function result(parameters: Record<string, string | number>, after: number, label?: string, place = 'simulated') {
  const summary = {
    place,
    accuracy: { before: 0.5, after, best: after },
    cyclesPerStep: null,
  } as unknown as RunSummary;
  return { cell: { label, parameters }, summary };
}

describe('a table of a sweep', () => {
  const groups = groupResults(
    [
      result({ angle: 30, seed: 1 }, 0.8),
      result({ angle: 30, seed: 0 }, 0.9),
      result({ seed: 0, angle: 45 }, 0.7),
      result({ angle: 45, seed: 1 }, 0.5, undefined, 'emulated'),
    ],
    metric,
  );

  it('groups over seeds, and keeps places apart', () => {
    expect(groups.map(({ parameters, place, values, n }) => ({ parameters, place, values, n }))).toEqual([
      { parameters: { angle: 30 }, place: 'simulated', values: [0.9, 0.8], n: 2 },
      { parameters: { angle: 45 }, place: 'simulated', values: [0.7], n: 1 },
      { parameters: { angle: 45 }, place: 'emulated', values: [0.5], n: 1 },
    ]);
  });

  it('has mean, deviation of the sample, and worst', () => {
    expect(groups[0]!.mean).toBeCloseTo(0.85, 12);
    expect(groups[0]!.standardDeviation).toBeCloseTo(Math.sqrt(0.005), 12);
    expect(groups[0]!.worst).toBe(0.8);
    expect(groups[1]!.standardDeviation).toBeNull();
    const [low] = groupResults([result({ seed: 0 }, 0.1), result({ seed: 1 }, 0.2)], {
      ...metric,
      goal: 'minimize',
    });
    expect(low!.worst).toBe(0.2);
  });

  it('shows what differs', () => {
    expect(formatTable(groups, metric)).toEqual([
      'angle  place      accuracy.after  deviation   worst  n',
      '30     simulated          0.8500     0.0707  0.8000  2',
      '45     simulated          0.7000          -  0.7000  1',
      '45     emulated           0.5000          -  0.5000  1',
    ]);
  });

  it('is comma-separated values with quotes where they are needed', () => {
    const labelled = groupResults([result({ budget: 'conv1=1,fc1=0', seed: 0 }, 0.25, 'say "a"')], metric);
    expect(formatCsv(labelled)).toBe(
      'label,budget,place,mean,standard_deviation,worst,n\r\n' +
        '"say ""a""","conv1=1,fc1=0",simulated,0.25,,0.25,1\r\n',
    );
  });

  it('leaves out what has no such number', () => {
    const { summary } = result({}, 1);
    expect(metricOf(summary, 'accuracy.before')).toBe(0.5);
    expect(metricOf(summary, 'cyclesPerStep.mean')).toBeUndefined();
    expect(metricOf(summary, 'accuracy')).toBeUndefined();
    expect(groupResults([result({}, 1)], { name: 'cyclesPerStep.mean', goal: 'minimize' })).toEqual([]);
  });
});
