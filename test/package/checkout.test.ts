/** The checkout after `make clean build`: what README's commands need of it. */
import { execFile } from 'node:child_process';
import { accessSync, constants, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** All that the host is built from. dist/ and build/ are not among it. */
const sources = [
  'Makefile',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'host',
  'proto',
  'scripts',
  'firmware',
];

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'priot-checkout-'));
  for (const name of [...sources, 'node_modules']) symlinkSync(join(root, name), join(checkout, name));
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

test('npx priot runs after a clean build', async () => {
  // the wire contract's module as it is, being new enough; everything else anew
  cpSync(join(root, 'dist/proto'), join(checkout, 'dist/proto'), { recursive: true, preserveTimestamps: true });
  // The compiler has made dist/host for this test already: in its place, that is copied, as new files without a mode.
  const compiler = join(checkout, 'compiler');
  const [from, to] = [join(root, 'dist'), join(checkout, 'dist')];
  const copy = `cp -R --no-preserve=mode ${from}/host ${from}/web ${to}/`;
  writeFileSync(compiler, `#!/bin/sh\n${copy}\n`, { mode: 0o755 });
  // Without a shell above it, and with a socket for standard input, bash would read start-up files of the system.
  const { SHLVL: _, ...alone } = process.env;
  await run('make', ['host', `NPX=${compiler}`], { cwd: checkout, env: alone });
  // npx does this itself, but only once, when it first links the folder into its cache
  accessSync(join(checkout, 'dist/host/cli/main.js'), constants.X_OK);
  const env = { ...process.env, npm_config_cache: join(checkout, 'npm-cache') };
  const { stdout } = await run('npx', ['--no-install', 'priot', '--version'], { cwd: checkout, env });
  expect(stdout.trim()).toBe(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
}, 120_000);
