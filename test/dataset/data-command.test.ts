import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { register } from '#host/cli/data.js';
import { showDownloads } from '#host/cli/download-progress.js';
import { deserted } from './file-server.js';
import { hasRealMnist, noRealMnist } from './real-mnist.js';
import { idxSample } from './samples.js';
import { temporaryFolder } from './temporary-folder.js';

const nowhere = await deserted();

async function run(...words: string[]): Promise<string> {
  let output = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
  try {
    const program = new Command('priot');
    register(program);
    await program.parseAsync(['data', ...words], { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return output;
}

function withEnvironment(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

describe('priot data list', () => {
  test('says what is where, as text and as JSON', async () => {
    withEnvironment({ PRIOT_DATA: undefined, XDG_CACHE_HOME: temporaryFolder() });
    const dataDir = temporaryFolder();
    mkdirSync(join(dataDir, 'mnist'));
    for (const [name, bytes] of Object.entries(idxSample().files)) writeFileSync(join(dataDir, 'mnist', name), bytes);
    const { datasets } = JSON.parse(await run('list', '--json', '--data-dir', dataDir)) as {
      datasets: {
        name: string;
        origin: string | null;
        folder: string | null;
        files: string[];
        problem: string | null;
      }[];
    };
    expect(datasets).toMatchObject([
      { name: 'mnist', origin: '--data-dir', folder: join(dataDir, 'mnist') },
      { name: 'cifar10', origin: null, folder: null, problem: expect.stringContaining('has no cifar10') },
      { name: 'digits', origin: 'generated' },
    ]);
    expect(datasets[0]?.files).toHaveLength(4);
    expect(await run('list')).toContain('not here; to get it: priot data fetch mnist');
  });

  test('one incomplete copy does not hide the others', async () => {
    const data = temporaryFolder();
    withEnvironment({ PRIOT_DATA: data, XDG_CACHE_HOME: temporaryFolder() });
    writeFileSync(join(data, 'train-images-idx3-ubyte'), '');
    const text = await run('list');
    expect(text).toContain('but not train-labels-idx1-ubyte');
    expect(text).toContain('digits');
  });
});

describe('priot data fetch', () => {
  test.each([
    ['digits', 'NOTHING_TO_FETCH'],
    ['imagenet', 'UNKNOWN_DATASET'],
  ])('%s is wrong usage: %s', async (name, code) => {
    await expect(run('fetch', name)).rejects.toMatchObject({ code, class: 'usage' });
  });

  test('without network: NO_NETWORK', async () => {
    withEnvironment({ PRIOT_DATA_MIRROR: nowhere });
    await expect(run('fetch', 'mnist', '--cache', temporaryFolder())).rejects.toMatchObject({ code: 'NO_NETWORK' });
  });

  test.skipIf(!hasRealMnist)(`--from real files${hasRealMnist ? '' : ` (${noRealMnist})`}`, async () => {
    const cache = temporaryFolder();
    const document = JSON.parse(
      await run('fetch', 'mnist', '--from', process.env.PRIOT_DATA!, '--cache', cache, '--json'),
    );
    expect(document).toMatchObject({
      dataset: 'mnist',
      folder: join(cache, 'mnist'),
      changed: true,
      train: 60_000,
      test: 10_000,
    });
    expect(await run('fetch', 'mnist', '--cache', cache)).toContain('already in');
  });
});

describe('showDownloads', () => {
  const collect = (isTTY: boolean) => {
    let text = '';
    let nowMs = 0;
    const stream = { rewrites: isTTY, columns: isTTY ? 80 : undefined, write: (more: string) => (text += more) };
    const display = showDownloads(stream, () => nowMs);
    const at = (ms: number, receivedBytes: number) => {
      nowMs = ms;
      display.update({ type: 'download', file: 'file', bytes: receivedBytes, of: 10_000_000 });
    };
    return { at, display, text: () => text };
  };

  test('is silent for two seconds, then rewrites one line on a terminal', () => {
    const { at, display, text } = collect(true);
    at(1_999, 1_000_000);
    expect(text()).toBe('');
    at(2_000, 2_000_000);
    at(2_050, 2_100_000);
    at(2_200, 10_000_000);
    display.end();
    expect(text()).toBe('\r\x1b[Kfile: 2.0 of 10.0 MB (20 %)\r\x1b[Kfile: 10.0 of 10.0 MB (100 %)\n');
  });

  test('prints a line every five seconds elsewhere', () => {
    const { at, display, text } = collect(false);
    for (let ms = 0; ms <= 12_000; ms += 500) at(ms, ms * 500);
    display.end();
    expect(text().split('\n')).toEqual([
      'file: 1.0 of 10.0 MB (10 %)',
      'file: 3.5 of 10.0 MB (35 %)',
      'file: 6.0 of 10.0 MB (60 %)',
      '',
    ]);
  });
});
