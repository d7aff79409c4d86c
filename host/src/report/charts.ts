/**
 * Charts as SVG text, drawn by Observable Plot over linkedom's DOM in this process: no browser and no script are needed
 * to see one. Loaded only by what draws.
 */
import type * as Plot from '@observablehq/plot';
import { escapeHtml } from './html.js';

/** Colours of series that can be told apart on a light and on a dark page, also without seeing red or green. */
export const seriesColours = [
  '#0077bb',
  '#dd6611',
  '#118855',
  '#bb5599',
  '#9a7d0a',
  '#6666dd',
  '#3399aa',
  '#aa4444',
] as const;

/** Returns the colour of the series of that index; they repeat after eight. */
export function seriesColour(index: number): string {
  return seriesColours[index % seriesColours.length]!;
}

/** The axis of epochs: whole numbers, however few there are. */
export const epochAxis = {
  label: 'epoch',
  tickFormat: (epoch: number) => (Number.isInteger(epoch) ? String(epoch) : ''),
} as const;

/** Writes a large number of a scale shortly: `1.2M`, `300k`, `0`. Tables have the whole number. */
export function shortNumber(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toFixed(2))}M`;
  return Math.abs(value) >= 1e4 ? `${Number((value / 1e3).toFixed(1))}k` : value.toLocaleString('en');
}

/** A series in a chart's legend. */
export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
}

/** What a chart is besides its marks. */
export interface ChartText {
  readonly title: string;
  /** The description for those who do not see it: what is drawn, and what it shows. */
  readonly description: string;
  readonly legend?: readonly LegendEntry[];
}

/** What draws: Plot's functions, and one that turns its options into SVG text. */
export interface Charts {
  readonly plot: typeof Plot;
  /** Draws a chart 640 wide; a screen reader says its title and description. */
  draw(text: ChartText, options: Plot.PlotOptions): string;
}

const WIDTH = 640;
const HEIGHT = 300;
const FONT_SIZE = 12;
const LEGEND_LINE = 18;
const SWATCH = 10;

/** Loads the plotting library. */
export async function loadCharts(): Promise<Charts> {
  const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return {
    plot,
    draw(text, options) {
      const legend = legendOf(text.legend ?? []);
      const drawn = plot.plot({
        width: WIDTH,
        height: HEIGHT,
        marginLeft: 60,
        marginBottom: 40,
        marginTop: 24,
        ...options,
        document: document as never,
        ariaLabel: text.title,
        ariaDescription: text.description,
      });
      const { outerHTML } = drawn as unknown as { outerHTML: string };
      return standalone(outerHTML, options.height ?? HEIGHT, legend);
    },
  };
}

interface Legend {
  readonly height: number;
  readonly svg: string;
}

/** Swatches with labels in rows, above the chart: their y is negative. */
function legendOf(entries: readonly LegendEntry[]): Legend {
  if (entries.length === 0) return { height: 0, svg: '' };
  let x = 0;
  let row = 0;
  const pieces: string[] = [];
  for (const { label, colour } of entries) {
    // a wide character of this font is about 0.6 of its size
    const width = SWATCH + 6 + label.length * FONT_SIZE * 0.6 + 14;
    if (x > 0 && x + width > WIDTH) {
      x = 0;
      row += 1;
    }
    pieces.push(
      `<rect x="${x}" y="${row * LEGEND_LINE}" width="${SWATCH}" height="${SWATCH}" fill="${colour}"/>`,
      `<text x="${x + SWATCH + 5}" y="${row * LEGEND_LINE + SWATCH - 1}">${escapeHtml(label)}</text>`,
    );
    x += width;
  }
  const height = (row + 1) * LEGEND_LINE + 8;
  return {
    height,
    svg: `<g text-anchor="start" transform="translate(4,${6 - height})" aria-hidden="true">${pieces.join('')}</g>`,
  };
}

/**
 * An SVG that stands by itself. Style elements go: the page's style sheet has their rules, and a strict content security
 * policy forbids them.
 */
function standalone(svg: string, chartHeight: number, legend: Legend): string {
  const height = chartHeight + legend.height;
  return (
    svg
      .replace(/viewBox="[^"]*" height="[^"]*"/, `viewBox="0 ${-legend.height} ${WIDTH} ${height}" height="${height}"`)
      .replace(/<style>[\s\S]*?<\/style>/g, '')
      .replace(/^<svg /, '<svg xmlns="http://www.w3.org/2000/svg" role="img" ')
      .replace('font-size="10"', `font-size="${FONT_SIZE}"`)
      .replace(/class="plot-[0-9a-f]+"/, 'class="plot"')
      .replace(/ style="[^"]*"/g, '')
      // names of groups are for no one: the chart has its own, and its numbers stand in the table
      .replace(/(<g\b[^>]*?) aria-label="[^"]*"/g, '$1')
      .replace(/<\/svg>$/, `${legend.svg}</svg>`)
  );
}
