import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolder } from '#host/files.js';
import { runCli } from '../cli/run-cli.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'priot-folders-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('folders above are made; one that is there is no error', () => {
  const folder = join(temporaryFolder(), 'a/b/c');
  expect(makeFolder(folder)).toBe(true);
  expect(statSync(folder).isDirectory()).toBe(true);
  expect(makeFolder(folder)).toBe(false);
  expect(makeFolder(join(folder, '../d/'))).toBe(true);
  expect(readdirSync(join(folder, '..')).sort()).toEqual(['c', 'd']);
});

test('a file where a folder should be', () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  expect(() => makeFolder(file)).toThrow(expect.objectContaining({ code: 'NOT_A_FILE', class: 'data' }));
  expect(() => makeFolder(join(file, 'below'))).toThrow(expect.objectContaining({ code: 'NOT_A_FILE' }));
});

test('several processes make the same folders at once', async () => {
  const base = temporaryFolder();
  const script = `
    const { makeFolder } = await import(process.argv[1]);
    for (let i = 0; i < 300; i++) makeFolder(process.argv[2] + '/' + i + '/a/b/' + process.pid);
  `;
  const files = import.meta.resolve('#host/files.js');
  const children = [0, 1, 2].map(() =>
    promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script, files, base]),
  );
  await Promise.all(children);
  expect(readdirSync(base)).toHaveLength(300);
  for (let i = 0; i < 300; i++) expect(readdirSync(join(base, `${i}/a/b`))).toHaveLength(3);
});

test.skipIf(process.platform !== 'linux')('below /proc, where recursive mkdir of Node 20 never returns', () => {
  const refused = expect.objectContaining({ code: 'FOLDER_NOT_MADE', class: 'data', remedy: 'name another folder' });
  expect(() => makeFolder('/proc/priot/a/b')).toThrow(refused);
});

/** A process of its own: a test may not take away the working directory of the others. */
test.skipIf(process.platform === 'win32').each([
  ['train', '--device', 'simulator', '--dataset', 'digits', '--samples', '16', '--eval-samples', '10'],
  ['data', 'fetch', 'mnist', '--cache', 'cache'],
])('priot %s in a working directory that is gone', async (...words) => {
  const folder = join(temporaryFolder(), 'gone');
  mkdirSync(folder);
  const unreachable = { PRIOT_DATA_MIRROR: 'http://127.0.0.1:9/' };
  const inGone = ['-c', `rmdir "$PWD" && exec "$@"`, 'sh'];
  const result = await runCli(words, { cwd: folder, through: ['sh', ...inGone], env: unreachable });
  expect(result.stderr).toContain('the working directory is gone');
  expect(result.status).toBe(4);
  expect(() => rmdirSync(folder)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
