import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TrainingPage } from '#host/cli/training-page.js';
import { serveRuns } from '#host/report/live/live-server.js';
import { formatEvent } from '#host/runs/metrics-file.js';
import { formatManifest } from '#host/runs/run-manifest.js';
import { callCli } from '../cli/run-cli.js';
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
  const { status, stdout } = await callCli(['report', join(folder, 'a'), '--out', out]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/report\.html: [\d,]+ bytes\n$/)]);
  expect(readFileSync(out, 'utf8')).toContain('<title>priot: a</title>');
});

test('priot report puts the plain kernels of a benchmark beside the run, and refuses what is no benchmark', async () => {
  const folder = folderOfRuns();
  const bench = join(folder, 'bench.json');
  writeFileSync(bench, '{"results": []}');
  const ask = () => callCli(['report', join(folder, 'a'), '--bench', bench, '--out', join(folder, 'r.html'), '--json']);
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
  const { status, stderr } = await callCli(['report', 'nowhere', '--out', '/dev/null']);
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

test('the page of a run that is trained stays as long as it is open, and is gone then', async () => {
  const page = new TrainingPage(0);
  const said = new Promise<string>((resolve) => page.open(join(folderOfRuns(), 'a'), resolve));
  const address = /^live page: (.*)$/.exec(await said)![1]!;
  const open = new AbortController();
  await fetch(`${address}events`, { signal: open.signal });
  let closed = false;
  const waiting = page.untilClosed().then(() => {
    closed = true;
  });
  const html = await (await fetch(address)).text();
  expect(html).toContain('<h1>priot: a</h1>');
  expect(html).toContain('a: done');
  expect(closed).toBe(false);
  open.abort();
  await waiting;
  await page.close();
  await expect(fetch(address)).rejects.toThrow();
});

test('priot train --ui says where the page of its run is; Ctrl-C ends both', async () => {
  const out = join(temporaryFolder(), 'a-run');
  const size = ['--dataset', 'digits', '--samples', '256', '--epochs', '500', '--eval-samples', '16'];
  const words = ['train', '--device', 'simulator', ...size, '--out', out, '--ui', '0'];
  const child = spawn(process.execPath, ['dist/host/cli/main.js', ...words]);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let said = '';
  let address: string | undefined;
  for await (const piece of child.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += piece;
    address = /live page: (http:\/\/127\.0\.0\.1:\d+\/)/.exec(said)?.[1];
    if (address !== undefined) break;
  }
  child.stderr.resume();
  const html = await (await fetch(address!)).text();
  expect(html).toContain('<h1>priot: a-run</h1>');
  expect(html).toContain('a-run: running');
  child.kill('SIGINT');
  expect(await ended).toBe(130);
});

test('priot train --ui ends with its run when no page is open, also where the port is taken', async () => {
  const words = ['train', '--device', 'simulator', '--dataset', 'digits', '--samples', '16', '--eval-samples', '8'];
  const { address, close } = await serveRuns(temporaryFolder(), 0, '');
  const { port } = new URL(address);
  const { status, stderr } = await callCli([...words, '--out', join(temporaryFolder(), 'a'), '--ui', port]);
  await close();
  expect(status).toBe(0);
  expect(stderr).toContain(`there is no live page: port ${port} is in use`);
});
