/** Tables, for a terminal and as Markdown. */

export type TableStyle = 'text' | 'markdown';
export type Cell = string | number | null;

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Numbers are rounded to whole ones, null is a dash; columns of a table with numbers are aligned to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[], style: TableStyle): string[] {
  const texts = rows.map((row) => row.map(cellText));
  const numeric = head.map((_, column) => rows.every((row) => typeof row[column] !== 'string'));
  const widths = head.map((name, column) => Math.max(name.length, ...texts.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((text, column) => (numeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)));
  if (style === 'text') return [head, ...texts].map((cells) => line(cells).join('  ').trimEnd());
  const rule = widths.map((width, column) => (numeric[column] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(head), rule, ...texts.map(line)].map((cells) => `| ${cells.join(' | ')} |`);
}

function cellText(cell: Cell): string {
  if (cell === null) return '-';
  return typeof cell === 'number' ? whole.format(cell) : cell;
}
