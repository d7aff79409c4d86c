import { expect, test } from 'vitest';
import { Display } from '#host/cli/display.js';
import { histogramLines, sparkline } from '#host/cli/text/graphs.js';
import { TrainingProgress } from '#host/cli/training-progress.js';
import { AdaptiveHistogram } from '#host/report/step-series.js';
import type { PlanEvent } from '#host/sessions/events.js';

const plan = {
  ...{ type: 'plan', epochs: 4, samples: 2, nextStep: 0, evalSamples: 10, evalEvery: 1, finalSamples: 20 },
  memory: {},
} as unknown as PlanEvent;

/** The lines of a session of four epochs on a terminal of so many columns; undefined: into a file. */
function linesOf(columns: number | undefined, rewrites = columns !== undefined): string[] {
  const written: string[] = [];
  const output = { rewrites, columns, write: (text: string) => written.push(text) };
  let nowMs = 0;
  const progress = new TrainingProgress(new Display(false, output), () => {
    nowMs += 10;
    return nowMs;
  });
  const show = (event: object) => progress.show(event as Parameters<typeof progress.show>[0]);
  // the plan's line is memory-plan's business
  (progress as unknown as { plan: PlanEvent }).plan = plan;
  const evaluation = (epoch: number, correct: number) =>
    show({ type: 'epoch', epoch, images: 10, correct, accuracy: correct / 10, imageSet: 'test' });
  evaluation(-1, 2);
  for (let epoch = 0; epoch < 4; epoch += 1) {
    for (const step of [2 * epoch, 2 * epoch + 1]) show({ type: 'step', step, epoch, correct: true, cycles: null });
    evaluation(epoch, 5 + epoch);
  }
  const lines = written
    .join('')
    .split(/[\n\r]/)
    .map((line) => line.replace('\u001b[K', ''));
  return lines.filter((line) => /^epoch \d\/4: /.test(line));
}

test('on a terminal each epoch has a curve of the accuracies so far, and the time left', () => {
  const lines = linesOf(100);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^epoch 1\/4: accuracy 0\.5000, training 1\.000, 10\.?0* ms per step, \d+ s left {2}▁█$/);
  expect(lines[3]).toMatch(/ {2}▁▄▆▇█$/);
});

test('a narrow terminal shows the last points, or none; a file and a dumb terminal show none', () => {
  const whole = linesOf(100)[2]!;
  const narrow = linesOf(whole.length)[2]!;
  expect(narrow.length).toBeLessThanOrEqual(whole.length - 1);
  expect(narrow).toMatch(/ {2}▁[▁-█]{2}$/);
  for (const lines of [linesOf(60), linesOf(undefined), linesOf(100, false)]) {
    expect(lines).toHaveLength(4);
    expect(lines.join('')).not.toMatch(/[▁-█]/);
  }
});

test('nothing is coloured, so NO_COLOR changes nothing', () => {
  for (const columns of [100, 40, undefined]) expect(linesOf(columns).join('')).not.toContain('\u001b[');
});

test('a curve goes from its smallest to its largest value', () => {
  expect(sparkline([0, 0.5, 1])).toBe('▁▅█');
  expect(sparkline([3, 3])).toBe('▁▁');
});

test('a histogram has few lines, counts everything, and fits the terminal', () => {
  const histogram = new AdaptiveHistogram(48);
  for (let value = 0; value < 1000; value += 1) histogram.add(200_000 + 700 * value);
  const counted = (lines: readonly string[]) =>
    lines.reduce((sum, line) => sum + Number(/([\d,]+)$/.exec(line)![1]!.replaceAll(',', '')), 0);
  for (const columns of [undefined, 80, 40, 12]) {
    const lines = histogramLines(histogram.bins(), columns);
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(counted(lines)).toBe(1000);
    if (columns !== undefined && columns > 20) for (const line of lines) expect(line.length).toBeLessThan(columns);
  }
  expect(histogramLines(histogram.bins(), 80).join('')).toContain('####');
  expect(histogramLines(histogram.bins(), 12).join('')).not.toContain('#');
});
