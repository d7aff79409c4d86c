import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatEvent } from '#host/runs/metrics-file.js';
import { formatManifest } from '#host/runs/run-manifest.js';
import { runCli } from '../cli/run-cli.js';
import { sampleEvents, sampleManifest, sampleSummary, temporaryFolder } from '../runs/sample-run.js';

function folderOfRuns(): string {
  const folder = temporaryFolder();
  for (const name of ['a', 'sweep/b']) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'run.json'), formatManifest(sampleManifest({ summary: sampleSummary })));
    writeFileSync(join(folder, name, 'metrics.jsonl'), sampleEvents.map((event) => `${formatEvent(event)}\n`).join(''));
  }
  return folder;
}

test('priot report writes a page of a run, and says how large it is', async () => {
  const folder = folderOfRuns();
  const out = join(folder, 'report.html');
  const { status, stdout } = await runCli(['report', join(folder, 'a'), '--out', out]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/report\.html: [\d,]+ bytes\n$/)]);
  expect(readFileSync(out, 'utf8')).toContain('<title>priot: a</title>');
});

test('priot report puts the plain kernels of a benchmark beside the run, and refuses what is no benchmark', async () => {
  const folder = folderOfRuns();
  const bench = join(folder, 'bench.json');
  writeFileSync(bench, '{"results": []}');
  const ask = () => runCli(['report', join(folder, 'a'), '--bench', bench, '--out', join(folder, 'r.html'), '--json']);
  const refused = await ask();
  expect(refused.status).toBe(4);
  expect(JSON.parse(refused.stdout).error.code).toBe('BENCH_MALFORMED');
  const plain = { kernels: 'plain', layers: [{ name: 'conv1', phase: 'forward', cycles: 1, macs: 1 }] };
  writeFileSync(bench, JSON.stringify({ results: [plain] }));
  const { status, stdout } = await ask();
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ problems: [], runs: [join(folder, 'a')] });
});

test('a run that is not there is named', async () => {
  const { status, stderr } = await runCli(['report', 'nowhere', '--out', '/dev/null']);
  expect(status).toBe(4);
  expect(stderr).toContain('nowhere is not a run folder');
});

test('priot ui serves the runs until it is stopped', async () => {
  const child = spawn(process.execPath, ['dist/host/cli/main.js', 'ui', folderOfRuns(), '--port', '0']);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let said = '';
  for await (const piece of child.stdout.setEncoding('utf8')) {
    said += piece;
    const address = /http:\/\/127\.0\.0\.1:\d+\//.exec(said)?.[0];
    if (address === undefined) continue;
    const page = await (await fetch(address)).text();
    expect(page).toContain('>sweep/b</a>');
    child.kill('SIGINT');
    break;
  }
  expect(await ended).toBe(0);
});
