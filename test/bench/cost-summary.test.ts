/** The short tables of what a step costs, in the README and docs/benchmarks.md: scripts/benchmarks.mjs makes them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const script = join(root, 'scripts/benchmarks.mjs');
const scratch = mkdtempSync(join(tmpdir(), 'priot-cost-'));
const pages = ['README.md', 'docs/benchmarks.md'];
const measured = 'docs/measured.md';
afterAll(() => rmSync(scratch, { recursive: true }));

const committed = (page: string) => readFileSync(join(root, page), 'utf8');
const inScratch = (page: string) => readFileSync(join(scratch, page), 'utf8');

beforeEach(() => {
  mkdirSync(join(scratch, 'docs'), { recursive: true });
  for (const page of [...pages, measured]) cpSync(join(root, page), join(scratch, page));
});

it('are those of docs/measured.md as committed', () => {
  execFileSync(process.execPath, [script, '--summary-only'], { cwd: scratch });
  for (const page of [...pages, measured]) expect(inScratch(page)).toBe(committed(page));
});

it('follow what is measured', () => {
  const text = committed(measured);
  const [before = '', mean = ''] = /^\| priot +\| m0plus +\|.*?\|.*?\| +([\d,]+)/m.exec(text) ?? [];
  writeFileSync(join(scratch, measured), text.replace(before, before.replace(mean, '1,250,000')));
  execFileSync(process.execPath, [script, '--summary-only'], { cwd: scratch });
  for (const page of pages) expect(inScratch(page)).toContain('| 1,250,000 (10.0 ms) |');
});

it('are not made of tables that lack a method', () => {
  writeFileSync(join(scratch, measured), committed(measured).replaceAll('| niti-dynamic |', '| other        |'));
  const { status, stderr } = spawnSync(process.execPath, [script, '--summary-only'], {
    cwd: scratch,
    encoding: 'utf8',
  });
  expect(status).not.toBe(0);
  expect(stderr).toContain('niti-dynamic');
  for (const page of pages) expect(inScratch(page)).toBe(committed(page));
});

it('stand above figures that are in docs/measured.md too', () => {
  const short = committed('docs/benchmarks.md').split('<!-- cost: end -->')[1]?.split('\n## ')[0] ?? '';
  const figures = short.match(/\d+(,\d{3})+/g) ?? [];
  expect(figures.length).toBeGreaterThan(3);
  expect(figures.filter((figure) => !committed(measured).includes(figure))).toEqual([]);
});
