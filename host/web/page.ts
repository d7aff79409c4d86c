/** The script of a report and of the live page: downloads of figures. The pages are complete without it. */

/** Gives the browser a file to save. */
function save(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Returns the chart of a figure as a file of its own: dark text on white, whatever the page looks like. */
function svgText(section: Element): string | undefined {
  const svg = section.querySelector('figure svg');
  if (svg === null) return undefined;
  const copy = svg.cloneNode(true) as SVGElement;
  copy.setAttribute('color', '#1a1a1a');
  const background = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  background.setAttribute('width', '100%');
  background.setAttribute('height', '100%');
  background.setAttribute('fill', '#ffffff');
  copy.insertBefore(background, copy.firstChild);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

/** Returns the numbers of a figure as CSV (RFC 4180): the exact values, an empty cell for what was not measured. */
function csvText(section: Element): string {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cellText = (cell: Element) =>
    cell.getAttribute('data-value') ?? (cell.classList.contains('absent') ? '' : (cell.textContent ?? ''));
  const rows = [...section.querySelectorAll('details tr')];
  return rows.map((row) => `${[...row.children].map((cell) => quote(cellText(cell))).join(',')}\r\n`).join('');
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  const id = button?.getAttribute('data-svg') ?? button?.getAttribute('data-csv');
  const section = id === null || id === undefined ? null : document.getElementById(id);
  if (button === null || section === null) return;
  if (button.hasAttribute('data-csv')) save(`${id}.csv`, 'text/csv', csvText(section));
  else {
    const svg = svgText(section);
    if (svg !== undefined) save(`${id}.svg`, 'image/svg+xml', svg);
  }
});

for (const element of document.querySelectorAll('.downloads')) element.removeAttribute('hidden');
