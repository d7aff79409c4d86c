import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const library = pathToFileURL(createRequire(import.meta.url).resolve('#host/index.js'));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'priot-loading-'));
  const sweep = 'parameters: {dataset: digits, samples: 32, eval_samples: 8, eval_source: 0}';
  writeFileSync(join(folder, 'one.yaml'), sweep);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a sweep in a process of its own, and tells whether the queue's client was loaded on the way. */
function sweepLoads(options: object): { loaded: boolean; said: string | number } {
  const script = join(folder, 'script.mjs');
  const given = { file: join(folder, 'one.yaml'), out: join(folder, 'out'), ...options };
  writeFileSync(
    script,
    `import { createRequire } from 'node:module';
     import { sweep } from ${JSON.stringify(library.href)};
     const said = await sweep(${JSON.stringify(given)}).then(({ sessions }) => sessions.length, ({ code }) => code);
     const loaded = Object.keys(createRequire(import.meta.url).cache);
     console.log(JSON.stringify({ loaded: loaded.some((path) => /node_modules.(bullmq|ioredis)/.test(path)), said }));`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

it('the library and a sweep on this machine do without the client of a queue', () => {
  expect(sweepLoads({ workers: 1 })).toEqual({ loaded: false, said: 1 });
});

it('a queue needs it', () => {
  const queue = { out: join(folder, 'elsewhere'), queue: 'redis://127.0.0.1:1' };
  expect(sweepLoads(queue)).toEqual({ loaded: true, said: 'QUEUE_UNREACHABLE' });
});
