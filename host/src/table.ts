/** Tables, for a terminal, as Markdown and as comma-separated values. */

export type TableStyle = 'text' | 'markdown';
export type Cell = string | number | null;

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/**
 * Writes a table with a head. Numbers are rounded to whole ones, null is a dash.
 * @param right columns whose text is flush right, besides those of numbers
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: TableStyle = 'text',
  right: readonly number[] = [],
): string[] {
  const numeric = head.flatMap((_, column) => (rows.every((row) => typeof row[column] !== 'string') ? [column] : []));
  const flushRight = [...numeric, ...right];
  const texts = rows.map((row) => row.map(cellText));
  if (style === 'text') return formatRows([head, ...texts], flushRight);
  const [first, ...lines] = aligned([head, ...texts], flushRight);
  const rule = first!.map(({ length }, column) =>
    flushRight.includes(column) ? `${'-'.repeat(length - 1)}:` : '-'.repeat(length),
  );
  return [first!, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

/** Writes rows of text, two spaces between the columns; those named in `right` are flush right. */
export function formatRows(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  return aligned(rows, right).map((cells) => cells.join('  ').trimEnd());
}

/** Writes a line of comma-separated values (RFC 4180), without its end; null and undefined are empty. */
export function csvLine(cells: readonly unknown[]): string {
  return cells
    .map((cell) => {
      const plain = cell === null || cell === undefined ? '' : String(cell);
      return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
    })
    .join(',');
}

/** Pads cells to columns as wide as their widest. */
function aligned(rows: readonly (readonly string[])[], right: readonly number[]): string[][] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  return rows.map((row) =>
    row.map((text, column) => (right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!))),
  );
}

function cellText(cell: Cell): string {
  if (cell === null) return '-';
  return typeof cell === 'number' ? whole.format(cell) : cell;
}
