// Makes the short table of what a step costs, in README.md and docs/benchmarks.md, from docs/measured.md.

const METHODS = {
  priot: 'priot',
  'priot-s': 'priot-s 10 %',
  'niti-static': 'niti-static',
  'niti-dynamic': 'niti-dynamic',
};
const CLOCK_HZ = 125e6;

const cellsOf = (line) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
const grouped = (value) => value.toLocaleString('en-US');

/** The tables of a Markdown text: each a list of rows, and each row a map from the column's head to the cell's text. */
function tablesOf(text) {
  return text.split('\n\n').flatMap((block) => {
    const [head, rule, ...rows] = block
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('|'));
    if (rule === undefined) return [];
    const names = cellsOf(head);
    return [rows.map((row) => new Map(cellsOf(row).map((cell, column) => [names[column], cell])))];
  });
}

/**
 * The lines of the summary.
 * @param {string} measured the text of docs/measured.md; its first section is the bench of all methods
 * @throws Error when a table, a method or the commit is not where it should be
 */
export function costSummary(measured) {
  const [, section = ''] = measured.split(/^### /m);
  const commit = /^- firmware: ([0-9a-f]{7})/m.exec(section)?.[1];
  if (commit === undefined) throw new Error('no firmware commit in the first section of docs/measured.md');
  const tables = tablesOf(section);
  const cell = (column, method) => {
    const rows = tables.find(([row]) => row.has(column));
    const text = rows?.find((row) => row.get('method') === method)?.get(column);
    if (text === undefined) throw new Error(`no column "${column}" for ${method} in docs/measured.md`);
    return text;
  };
  const rows = Object.entries(METHODS).map(([method, name]) => {
    const mean = Number(cell('mean', method).replaceAll(',', ''));
    const milliseconds = ((1000 * mean) / CLOCK_HZ).toFixed(1);
    return [
      name,
      cell('forward', method),
      cell('active mean', method),
      `${grouped(mean)} (${milliseconds} ms)`,
      cell('SRAM in all', method),
    ];
  });
  return [
    '| method | forward pass, cycles | active step, cycles | mean of all steps, cycles | SRAM in all, bytes |',
    '| --- | --: | --: | --: | --: |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    `Emulated at 125 MHz, commit ${commit}, \`npm run benchmarks\`.`,
  ];
}
