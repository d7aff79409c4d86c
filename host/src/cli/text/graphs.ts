/** Small graphs of characters: a curve in a line, a histogram of bars. No colours, so that NO_COLOR changes nothing. */
import type { HistogramBin } from '../../report/step-series.js';
import { formatRows } from '../../table.js';

/** Draws a curve with one character per point, between its smallest and its largest value. */
export function sparkline(values: readonly number[]): string {
  const levels = '▁▂▃▄▅▆▇█';
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  return values
    .map((value) => levels[range === 0 ? 0 : Math.round(((value - low) / range) * (levels.length - 1))])
    .join('');
}

/** Rows of a histogram; more than these tell a reader no more. */
const MOST_ROWS = 12;
const LONGEST_BAR = 40;
const SHORTEST_BAR = 8;

/**
 * Draws a histogram, a line a bin: from where, a bar, how many.
 * @param columns of the terminal; undefined: there is none
 */
export function histogramLines(bins: readonly HistogramBin[], columns: number | undefined): string[] {
  const rows = joined(bins);
  const most = Math.max(...rows.map(({ count }) => count));
  const number = (value: number) => value.toLocaleString('en-US');
  const widest = Math.max(...rows.map(({ low, count }) => number(low).length + number(count).length));
  // two blanks between the columns, and two before the first
  const room = columns === undefined ? LONGEST_BAR : Math.min(LONGEST_BAR, columns - widest - 7);
  const bar = (count: number) => '#'.repeat(Math.max(count > 0 ? 1 : 0, Math.round((count / most) * room)));
  const cells = rows.map(({ low, count }) =>
    room < SHORTEST_BAR ? [number(low), number(count)] : [number(low), bar(count), number(count)],
  );
  return formatRows(cells, [0, cells[0]!.length - 1]).map((line) => line.trimEnd());
}

/** The same counts in few bins of equal width, those between that hold nothing included. */
function joined(bins: readonly HistogramBin[]): HistogramBin[] {
  const [first] = bins;
  const last = bins.at(-1);
  if (first === undefined || last === undefined) return [];
  let width = first.width;
  const lowOf = (value: number) => Math.floor(value / width) * width;
  while ((lowOf(last.low) - lowOf(first.low)) / width + 1 > MOST_ROWS) width *= 2;
  const rows: { low: number; width: number; count: number }[] = [];
  for (let low = lowOf(first.low); low <= last.low; low += width) rows.push({ low, width, count: 0 });
  for (const { low, count } of bins) rows[(lowOf(low) - lowOf(first.low)) / width]!.count += count;
  return rows;
}
