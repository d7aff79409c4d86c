/** The documents: links lead somewhere, the README names every page, pages begin and wrap alike, and limits are the code's. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { callCli } from '../cli/run-cli.js';

const root = join(import.meta.dirname, '../..');
const pages = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const read = (page: string) => readFileSync(join(root, page), 'utf8');
const WIDTH = 120;

function links(page: string): string[] {
  const targets = [...read(page).matchAll(/\]\(([^)#\s]+)/g)].map((match) => match[1] ?? '');
  return targets.filter((target) => !target.includes('://')).map((target) => join(dirname(page), target));
}

/** The lines that people write and wrap: no tables, and nothing that a script puts between its marks. */
function prose(page: string): string[] {
  const text = read(page).replace(/^<!-- (\S+): begin -->[\s\S]*?^<!-- \1: end -->/gm, '');
  return text.split('\n').filter((line) => !line.startsWith('|'));
}

test.each(['README.md', 'NOTICE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...pages])(
  '%s links to files that exist',
  (page) => {
    expect(links(page).filter((target) => !existsSync(join(root, target)))).toEqual([]);
  },
);

test('the README names every page', () => {
  expect(pages.filter((page) => !read('README.md').includes(page))).toEqual([]);
});

test.each(['CHANGELOG.md', 'CONTRIBUTING.md', ...pages])(
  '%s begins with what it is for and who reads it, and wraps at one width',
  (page) => {
    expect(read(page)).toMatch(/^# .+\n\nThis page [\s\S]*?\bfor\b[\s\S]*?\n\n/);
    expect(prose(page).filter((line) => line.length > WIDTH)).toEqual([]);
  },
);

test('the README shows a part of the accuracy table of docs/results.md', () => {
  const [, shown = ''] = /<!-- accuracy: begin -->([\s\S]*?)<!-- accuracy: end -->/.exec(read('README.md')) ?? [];
  const rows = shown.split('\n').filter((line) => line !== '');
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter((row) => !read('docs/results.md').includes(row))).toEqual([]);
});

test('docs/commands.md has every command', async () => {
  const { stdout } = await callCli(['--help']);
  const [, list = ''] = stdout.split('\nCommands:\n');
  const commands = [...list.matchAll(/^ {2}([a-z]+)\b/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  expect(commands.length).toBeGreaterThan(10);
  const table = read('docs/commands.md').split('\n## ')[0] ?? '';
  expect(commands.filter((name) => !new RegExp(`\`(priot )?${name}\\b`).test(table))).toEqual([]);
});

test.each(['docs/architecture.md', 'CONTRIBUTING.md'])('%s names files and folders that exist', (page) => {
  const sources = ['host/src', 'firmware'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => `/${folder}/${path}`),
  );
  const named = [...read(page).matchAll(/`([\w./-]+)`/g)].map(([, name = '']) => name.replace(/\/$/, ''));
  const isFile = (name: string) => /\.(ts|c|h|S)$/.test(name);
  const paths = named.filter((name) => isFile(name) || name.includes('/'));
  expect(paths.length).toBeGreaterThan(30);
  const known = (name: string) => existsSync(join(root, name)) || sources.some((path) => path.endsWith(`/${name}`));
  expect(paths.filter((name) => !known(name))).toEqual([]);
});

test('docs/wire.md has the limits of firmware/session/session.h', () => {
  const limits = [...read('firmware/session/session.h').matchAll(/^#define SESSION_MAX_\w+ (\d+)u/gm)];
  const figures = limits.map((match) => Number(match[1]).toLocaleString('en-US'));
  expect(figures.length).toBeGreaterThan(3);
  expect(figures.filter((figure) => !new RegExp(`(?<![\\d,])${figure}(?![\\d,])`).test(read('docs/wire.md')))).toEqual(
    [],
  );
});

test('docs/errors.md has the table of error codes', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/errors-page.mjs'), '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
