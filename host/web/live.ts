/** The script of the live page: renews it when runs change, sorts and filters the list, remembers what is ticked. */

const main = document.getElementById('main')!;
const connection = document.getElementById('connection')!;
const fragment = document.body.dataset.fragment ?? '';
const follow: readonly string[] = JSON.parse(document.body.dataset.follow ?? '[]');

/** What the reader has done to the page, so that a renewal leaves it alone. */
const ticked = new Set<string>();
let sorted: { column: number; descending: boolean } | undefined;
let filter = '';

/** Fetches the content anew and puts it in place of the old one. */
async function renew(): Promise<void> {
  const response = await fetch(fragment);
  if (!response.ok) return;
  const opened = new Set([...main.querySelectorAll('details[open]')].map((element) => element.closest('section')?.id));
  const focused = main.contains(document.activeElement) ? document.activeElement?.id : undefined;
  const scrolled = main.querySelector('.scroll')?.scrollTop ?? 0;
  // parsed as a document of its own: nothing in it runs
  const parsed = new DOMParser().parseFromString(await response.text(), 'text/html');
  main.replaceChildren(...parsed.body.childNodes);
  for (const element of main.querySelectorAll('.downloads')) element.removeAttribute('hidden');
  for (const details of main.querySelectorAll('details')) {
    if (opened.has(details.closest('section')?.id)) details.open = true;
  }
  arrange();
  const list = main.querySelector('.scroll');
  if (list !== null) list.scrollTop = scrolled;
  if (focused) document.getElementById(focused)?.focus();
}

/** Applies order, filter and ticks to the list. */
function arrange(): void {
  const body = main.querySelector<HTMLTableSectionElement>('#runs tbody');
  if (body === null) return;
  const rows = [...body.rows];
  if (sorted !== undefined) {
    const { column, descending } = sorted;
    rows.sort((a, b) => compare(a.cells[column], b.cells[column]) * (descending ? -1 : 1));
    body.append(...rows);
  }
  let shown = 0;
  for (const row of rows) {
    row.hidden = !(row.textContent ?? '').toLowerCase().includes(filter.toLowerCase());
    if (!row.hidden) shown += 1;
    const box = row.querySelector<HTMLInputElement>('input[type=checkbox]');
    if (box !== null) box.checked = ticked.has(box.value);
  }
  const input = main.querySelector<HTMLInputElement>('#filter');
  if (input !== null && input.value !== filter) input.value = filter;
  const count = main.querySelector('#count');
  if (count !== null) count.textContent = `${shown} runs`;
  for (const [index, head] of [...main.querySelectorAll('#runs thead th')].entries()) {
    if (sorted?.column !== index) head.removeAttribute('aria-sort');
    else head.setAttribute('aria-sort', sorted.descending ? 'descending' : 'ascending');
  }
}

/** Orders cells: numbers by value, text by letters, what is absent last. */
function compare(a: Element | undefined, b: Element | undefined): number {
  const value = (cell: Element | undefined) => cell?.getAttribute('data-value') ?? cell?.textContent ?? '-';
  const [left, right] = [value(a), value(b)];
  if (left === '-' || right === '-') return left === right ? 0 : left === '-' ? 1 : -1;
  const numbers = [Number(left), Number(right)] as const;
  if (numbers.every((number) => !Number.isNaN(number))) return numbers[0] - numbers[1];
  return left.localeCompare(right);
}

document.addEventListener('click', (event) => {
  const head = event.target instanceof Element ? event.target.closest('[data-sort]')?.closest('th') : undefined;
  if (!head) return;
  const column = [...head.parentElement!.children].indexOf(head);
  sorted = { column, descending: sorted?.column === column && !sorted.descending };
  arrange();
});
document.addEventListener('input', (event) => {
  const { target } = event;
  if (!(target instanceof HTMLInputElement)) return;
  if (target.id === 'filter') {
    filter = target.value;
    arrange();
  } else if (target.type === 'checkbox') {
    if (target.checked) ticked.add(target.value);
    else ticked.delete(target.value);
  }
});

let renewing: Promise<void> | undefined;
let again = false;

/** Renews once at a time; what changes meanwhile is one more renewal. */
function renewSoon(): void {
  if (renewing !== undefined) {
    again = true;
    return;
  }
  renewing = renew()
    .catch(() => {})
    .finally(() => {
      renewing = undefined;
      if (!again) return;
      again = false;
      renewSoon();
    });
}

if (fragment !== '') {
  const events = new EventSource('/events');
  events.addEventListener('open', () => {
    connection.textContent = 'live';
  });
  events.addEventListener('error', () => {
    connection.textContent = 'not connected; trying again';
  });
  events.addEventListener('change', (event) => {
    const changed: readonly string[] = JSON.parse((event as MessageEvent<string>).data);
    if (follow.length === 0 || changed.some((id) => follow.includes(id))) renewSoon();
  });
} else connection.textContent = '';
