/** What host/import-rules.json promises, tried on a tree of files that keep and break it. `make check` lints the real one. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** From the top down: a folder imports those in lines below its own, and none above. */
const floors = [
  ['cli'],
  ['sessions', 'report', 'trackers', 'fleet'],
  ['training', 'bench', 'runs'],
  ['network', 'dataset', 'link', 'options'],
  ['device'],
];

/** Lines that import `folder` from a folder beside it: a module, a type, and a module when it is needed. */
const imports = (folder: string) => [
  `import '../${folder}/file.js';`,
  `import type { T } from '../${folder}/deep/file.js';`,
  `await import('../${folder}/file.js');`,
];

const keeps: Record<string, string[]> = {
  'index.ts': ["export * from './sessions/file.js';"],
  'device/serial/file.ts': ["await import('serialport');", "import '../place.js';"],
  'dataset/one.ts': ["import './two.js';"],
  'dataset/two.ts': ['export {};'],
};
const breaks: Record<string, string[]> = {
  'errors.ts': ["import './device/place.js';", "import './cli/main.js';"],
  'device/emulator/file.ts': ["import '../serial/serial.js';", "await import('serialport');"],
  'device/file.ts': ["await import('serialport');"],
  'cli/file.ts': ["import { SerialPort } from 'serialport';"],
  'network/one.ts': ["import type { Two } from './two.js';"],
  'network/two.ts': ["await import('./one.js');"],
};
floors.forEach((folders, floor) => {
  for (const folder of folders) {
    const [above, below] = [floors.slice(0, floor).flat(), floors.slice(floor + 1).flat()];
    if (above.length > 0) breaks[`${folder}/above.ts`] = above.flatMap(imports);
    keeps[`${folder}/below.ts`] = ["import '../errors.js';", ...below.flatMap(imports)];
  }
});

let scratch: string;
/** How many complaints there are about a file. */
const complaints = new Map<string, number>();
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'priot-imports-'));
  for (const file of ['biome.json', 'host/import-rules.json']) cpSync(join(root, file), join(scratch, file));
  for (const [path, lines] of Object.entries({ ...keeps, ...breaks })) {
    const file = join(scratch, 'host/src', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${lines.join('\n')}\n`);
  }
  const rules = ['--only=style/noRestrictedImports', '--only=suspicious/noImportCycles'];
  const args = ['lint', ...rules, '--vcs-enabled=false', '--reporter=github', '--max-diagnostics=none'];
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/biome'), args, { cwd: scratch, encoding: 'utf8' });
  for (const [, path = ''] of stdout.matchAll(/::error .*?host\/src\/([^,]+),line/g)) {
    complaints.set(path, (complaints.get(path) ?? 0) + 1);
  }
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.each(Object.keys(keeps))('%s may import what it imports', (path) => {
  expect(complaints.get(path) ?? 0).toBe(0);
});

test.each(Object.entries(breaks))('%s may import none of what it imports', (path, lines) => {
  expect(complaints.get(path) ?? 0).toBe(lines.length);
});
