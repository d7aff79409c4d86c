/** The documents: every link leads somewhere, and the README names every page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const pages = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`);

function links(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  const targets = [...text.matchAll(/\]\(([^)#\s]+)/g)].map((match) => match[1] ?? '');
  return targets.filter((target) => !target.includes('://')).map((target) => join(dirname(page), target));
}

test.each(['README.md', 'NOTICE.md', ...pages])('%s links to files that exist', (page) => {
  expect(links(page).filter((target) => !existsSync(join(root, target)))).toEqual([]);
});

test('the README names every page', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  expect(pages.filter((page) => !readme.includes(page))).toEqual([]);
});
