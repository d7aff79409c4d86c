import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
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
