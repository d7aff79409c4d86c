/** A figure of a page: a chart, its numbers as a table, and where they were measured. */
import type { Place } from '../device/place.js';

/** A cell: null is what was not measured. */
export type Cell = string | number | null;

/** The numbers of a figure, as its table, its CSV file and its chart have them. */
export interface FigureTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A figure that has something to show. */
export interface Figure {
  /** Unique on its page, of letters, digits and dashes: names anchors and downloaded files. */
  readonly id: string;
  readonly title: string;
  /** One sentence for those who do not see the chart, and for its caption. */
  readonly description: string;
  /** Places of the runs whose numbers it shows. */
  readonly places: readonly Place[];
  /** SVG text; absent where the table says it better. */
  readonly chart?: string;
  readonly table: FigureTable;
  /** HTML below the chart that was made by `html`: pictures of images, for one. */
  readonly extra?: import('./html.js').Html;
}

/** A figure that a run has no numbers for, and why. */
export interface MissingFigure {
  readonly id: string;
  readonly title: string;
  readonly missing: string;
}

export type AnyFigure = Figure | MissingFigure;

/** Returns the places of runs, each once. */
export function placesOf(runs: readonly { readonly place: Place }[]): Place[] {
  return [...new Set(runs.map(({ place }) => place))];
}
