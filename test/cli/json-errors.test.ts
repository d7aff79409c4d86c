/** Errors under --json: one document on stdout, the same exit status, the text on stderr as ever. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { callCli } from './run-cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-json-errors-'));
afterAll(() => rmSync(scratch, { recursive: true }));

it.each([
  [['plan', '/nowhere', '--json'], 4, { code: 'FILE_MISSING', message: /no such file or folder: \/nowhere/ }],
  [['train', '--angel', '3', '--json'], 2, { code: 'OPTION_REFUSED', message: /unknown option '--angel'/ }],
  [['runs', 'compare', scratch, '--json'], 2, { code: 'TOO_FEW_RUNS', message: /two or more runs/ }],
])('priot %j says what is wrong', async (words, exit, { code, message }) => {
  const { status, stdout, stderr } = await callCli(words);
  expect(status).toBe(exit);
  const { error } = JSON.parse(stdout);
  expect(error).toEqual({
    code,
    message: expect.stringMatching(message),
    remedy: expect.toBeOneOf([expect.any(String), null]),
    cause: expect.toBeOneOf([expect.any(String), null]),
  });
  expect(stderr).toMatch(message);
  const plain = await callCli(words.filter((word) => word !== '--json'));
  expect([plain.status, plain.stdout, plain.stderr]).toEqual([exit, '', stderr]);
});

it('names the cause', async () => {
  writeFileSync(join(scratch, 'net.json'), '{"layers": [');
  const { stdout } = await callCli(['plan', join(scratch, 'net.json'), '--json']);
  expect(JSON.parse(stdout).error).toMatchObject({ code: 'NETWORK_MALFORMED', cause: expect.stringMatching(/JSON/) });
});

it('lists several things that are wrong one a line, and control characters in none of them', async () => {
  const path = join(scratch, 'two.json');
  const layers = [{ name: 'fc', op: 'linear', out_features: 3, 'bi\u001b[31mas\n': 1, units: 3 }];
  writeFileSync(path, JSON.stringify({ name: 'net', input_shape: [2, 2, 1], layers }));
  const { status, stderr } = await callCli(['plan', path]);
  expect(status).toBe(4);
  expect(stderr.split('\n').slice(0, 3)).toEqual([
    `error: ${path}: 2 things are wrong:`,
    expect.stringMatching(/^ {2}layer fc: bi\\x1b\[31mas\\n is no key here/),
    '  layer fc: units is no key here: write out_features',
  ]);
});
