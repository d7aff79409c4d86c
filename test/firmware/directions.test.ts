/** scripts/c-directions.mjs, which `make check` runs, finds what points the wrong way. */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'priot-directions-'));
  cpSync(join(root, 'firmware'), join(scratch, 'firmware'), { recursive: true });
  compile('engine/alone.c', 'int alone(void) { return 1; }');
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function compile(path: string, text: string): void {
  const object = join(scratch, 'objects', `${path}.o`);
  mkdirSync(dirname(object), { recursive: true });
  writeFileSync(join(scratch, 'source.c'), text);
  execFileSync('arm-none-eabi-gcc', ['-mcpu=cortex-m0plus', '-c', join(scratch, 'source.c'), '-o', object]);
}

function check(): { status: number | null; stderr: string } {
  const script = join(root, 'scripts/c-directions.mjs');
  return spawnSync(process.execPath, [script, 'objects'], { cwd: scratch, encoding: 'utf8' });
}

test('the sources as they are pass', () => {
  expect(check()).toMatchObject({ status: 0 });
});

test.each([
  ['engine/loss.c', 'session.h', 'engine/loss.c includes session/session.h'],
  ['session/frame.c', '../pico/flash.h', 'session/frame.c includes pico/flash.h'],
  ['engine/kernels/plain.c', '../methods/methods.h', 'engine/kernels/plain.c includes engine/methods/methods.h'],
])('%s must not include %s', (file, header, complaint) => {
  appendFileSync(join(scratch, 'firmware', file), `#include "${header}"\n`);
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toContain(complaint);
});

test('modules that call one another are a circle', () => {
  compile('engine/one.c', 'int two(void); int one(void) { return two(); }');
  compile('engine/two.c', 'int three(void); int two(void) { return three(); }');
  expect(check().status).toBe(0);
  compile('engine/three.c', 'int one(void); int three(void) { return one(); }');
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toMatch(/a circle: (engine\/(one|two|three)( -> |\n)){4}/);
});

test('a kernel calls nothing that drives it, and no objects are no proof', () => {
  compile('engine/methods/some.c', 'int update(void) { return 1; }');
  compile('engine/kernels/some.c', 'int update(void); int kernel(void) { return update(); }');
  expect(check().stderr).toContain('engine/kernels/some uses engine/methods/some');
  rmSync(join(scratch, 'objects'), { recursive: true });
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('no object files') });
});
