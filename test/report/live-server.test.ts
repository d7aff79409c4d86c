import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type LiveServer, serveRuns } from '#host/report/live/live-server.js';
import { RunFollower } from '#host/report/live/run-follower.js';
import { RunIndex } from '#host/report/live/run-index.js';
import { formatEvent } from '#host/runs/metrics-file.js';
import { formatManifest } from '#host/runs/run-manifest.js';
import {
  epochEvent,
  sampleEvents,
  sampleManifest,
  sampleSummary,
  stepEvent,
  temporaryFolder,
} from '../runs/sample-run.js';

const servers: LiveServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(directory: string): Promise<LiveServer> {
  const server = await serveRuns(directory, 0, 'priot 0');
  servers.push(server);
  return server;
}

function addRun(directory: string, name: string, changes = {}): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'run.json'), formatManifest(sampleManifest(changes)));
  writeFileSync(join(path, 'metrics.jsonl'), sampleEvents.map((event) => `${formatEvent(event)}\n`).join(''));
  return path;
}

/** fetch() sets Host itself; this says what it is told. */
function get(
  address: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(address, { headers, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('the list has every run below the directory, with what is wrong with damaged ones', async () => {
  const directory = temporaryFolder();
  addRun(directory, 'one', { summary: sampleSummary });
  addRun(directory, 'sweeps/two');
  mkdirSync(join(directory, 'bad'));
  writeFileSync(join(directory, 'bad', 'run.json'), '{"version": 99}');
  const { address } = await serve(directory);
  const page = await (await fetch(address)).text();
  expect(page).toContain('>one</a>');
  expect(page).toContain('>sweeps/two</a>');
  expect(page).toContain('has version 99');
});

test('only this very server is answered for: another host name, another origin, another method are refused', async () => {
  const { address } = await serve(temporaryFolder());
  const port = new URL(address).port;
  expect((await get(address, { Host: 'attacker.example' })).status).toBe(421);
  expect((await get(address, { Host: `attacker.example:${port}` })).status).toBe(421);
  expect((await get(address, { Origin: 'http://attacker.example' })).status).toBe(403);
  expect((await get(address, {}, 'POST')).status).toBe(405);
  expect((await get(address, { Host: `localhost:${port}` })).status).toBe(200);
});

test('hostile run folders: nothing executes, nothing outside is read, each page says what is wrong', async () => {
  const outside = temporaryFolder();
  writeFileSync(join(outside, 'secret.jsonl'), `${formatEvent(epochEvent(0, 3))}\n`);
  const directory = temporaryFolder();
  const name = '<img src=x onerror=alert(1)>';
  const message = '<script>alert(2)</script>';
  appendFileSync(
    join(addRun(directory, name), 'metrics.jsonl'),
    `${formatEvent({ type: 'fault', code: message, message, step: 1 })}\n`,
  );
  truncateSync(join(addRun(directory, 'large'), 'metrics.jsonl'), 2 ** 31);
  appendFileSync(join(addRun(directory, 'torn'), 'metrics.jsonl'), '{"type":"step","st');
  appendFileSync(join(addRun(directory, 'damaged'), 'metrics.jsonl'), '{"type":"step"\n');
  const linked = addRun(directory, 'linked');
  rmSync(join(linked, 'metrics.jsonl'));
  symlinkSync(join(outside, 'secret.jsonl'), join(linked, 'metrics.jsonl'));
  const borrowed = join(directory, 'borrowed');
  mkdirSync(borrowed);
  symlinkSync(join(addRun(outside, 'other'), 'run.json'), join(borrowed, 'run.json'));
  symlinkSync(outside, join(directory, 'elsewhere'));
  mkdirSync(join(directory, 'newer'));
  writeFileSync(join(directory, 'newer', 'run.json'), '{"version": 99}');

  const { address } = await serve(directory);
  const get = async (path: string) => (await fetch(`${address}${path}`)).text();
  const list = await get('');
  expect(list).not.toContain('<img src=x');
  expect(list).not.toContain('elsewhere');
  expect(list).toMatch(/newer<\/td><td>damaged<\/td><td[^>]*>[^<]*version 99/);
  expect(list).toMatch(/borrowed<\/td><td>damaged<\/td><td[^>]*>run\.json is no file/);
  const page = (id: string) => get(`run?id=${encodeURIComponent(id)}`);
  expect(await page(name)).not.toMatch(/<script>|<img src=x/);
  expect(await page('large')).toContain('metrics.jsonl is too large to be read');
  expect(await page('damaged')).toContain('metrics.jsonl:12: not JSON');
  const torn = await page('torn');
  expect(torn).not.toContain('class="problems"');
  expect(torn).toContain('0.8750');
  expect(await page('linked')).not.toContain('0.3750');
  expect(await page('linked')).toContain('metrics.jsonl is a link: it is not read');
});

test('a page that is open for long is told which runs changed, and the account of a run does not grow with its steps', () => {
  const directory = temporaryFolder();
  const path = addRun(directory, 'a');
  const index = new RunIndex(directory);
  const follower = new RunFollower(path);
  const account = () => {
    index.scan();
    return follower.update(index.get('a')!).account;
  };
  const sizes: number[] = [];
  let step = 4;
  for (let hour = 0; hour < 3; hour += 1) {
    const lines: string[] = [];
    for (const end = step + 20_000; step < end; step += 1)
      lines.push(`${formatEvent(stepEvent(step, { epoch: 1 }))}\n`);
    for (let more = 0; more < 10_000; more += 1) lines.push(`${formatEvent(sampleEvents.at(-1)!)}\n`);
    appendFileSync(join(path, 'metrics.jsonl'), lines.join(''));
    const now = account();
    expect(now.metrics().steps).toBe(step);
    expect(now.cyclesOverSteps().length).toBeLessThanOrEqual(400);
    expect(now.cycleHistogram().length).toBeLessThanOrEqual(60);
    sizes.push(now.events().length);
  }
  // events that are no steps are kept up to a bound, and the page says so
  expect(sizes.at(-1)).toBe(20_000);
  expect(account().droppedEvents()).toBeGreaterThan(0);
});

test('no path outside the directory can be named', async () => {
  const outside = temporaryFolder();
  addRun(outside, 'secret');
  const directory = join(outside, 'shown');
  addRun(directory, 'a');
  const { address } = await serve(directory);
  for (const id of ['../secret', '/secret', '..%2fsecret', join(outside, 'secret'), 'a/../../secret']) {
    const response = await fetch(`${address}run?id=${encodeURIComponent(id)}`);
    expect([response.status, (await response.text()).includes('priot-runs')]).toEqual([404, false]);
  }
  for (const path of ['../secret/run.json', '%2e%2e/secret/run.json', 'page.css/../../x']) {
    expect((await fetch(`${address}${path}`)).status).toBe(404);
  }
});

test('scripts come from files of the server alone', async () => {
  const directory = temporaryFolder();
  addRun(directory, 'a');
  const { address } = await serve(directory);
  for (const path of ['', 'run?id=a', 'folder?of=a']) {
    const response = await fetch(`${address}${path}`);
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/);
    const body = await response.text();
    expect(body).not.toMatch(/<script>|<script [^>]*>[^<]|\son[a-z]+=|<style|style="/);
  }
});

test('an open page is told of a run that comes and of one that goes on', async () => {
  const directory = temporaryFolder();
  const path = addRun(directory, 'a');
  const { address } = await serve(directory);
  await fetch(address); // what is there already is no news
  const stream = (await fetch(`${address}events`)).body!.pipeThrough(new TextDecoderStream()).getReader();
  const changes = async () => {
    for (let text = ''; ; ) {
      const { value = '' } = await stream.read();
      text += value;
      const match = /event: change\ndata: (.*)\n\n/.exec(text);
      if (match) return JSON.parse(match[1]!) as string[];
    }
  };
  appendFileSync(join(path, 'metrics.jsonl'), `${formatEvent(stepEvent(4))}\n`);
  expect(await changes()).toEqual(['a']);
  addRun(directory, 'b');
  expect(await changes()).toEqual(['b']);
  await stream.cancel();
});

test('a follower reads what is appended, waits for torn lines, and starts anew when its run was resumed', () => {
  const directory = temporaryFolder();
  const path = addRun(directory, 'a');
  const file = join(path, 'metrics.jsonl');
  const index = new RunIndex(directory);
  const follower = new RunFollower(path);
  const steps = () => {
    index.scan();
    return follower.update(index.get('a')!).account.metrics().steps;
  };
  expect(steps()).toBe(4);
  const line = `${formatEvent(stepEvent(4))}\n`;
  appendFileSync(file, line.slice(0, 20));
  expect(steps()).toBe(4);
  appendFileSync(file, line.slice(20));
  expect(steps()).toBe(5);
  writeFileSync(file, `${formatEvent(epochEvent(-1, 4))}\n${formatEvent(stepEvent(0))}\n`);
  expect(steps()).toBe(1);
});
