import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MlflowTracker, mlflowServer } from '#host/trackers/mlflow.js';
import { TrackedMetrics } from '#host/trackers/tracked-metrics.js';
import { sampleEvents, sampleManifest, sampleSummary, temporaryFolder } from '../runs/sample-run.js';
import { type MlflowServerForTests, startMlflowServer } from './mlflow-server.js';

let server: MlflowServerForTests;
beforeEach(async () => {
  server = await startMlflowServer();
});
afterEach(() => server.close());

async function track(address = server.address, environment: Record<string, string> = {}): Promise<string | undefined> {
  const tracker = new MlflowTracker(mlflowServer(address, environment), 'a');
  tracker.begin(sampleManifest());
  const metrics = new TrackedMetrics();
  for (const event of sampleEvents) tracker.add(metrics.add(event));
  const path = join(temporaryFolder(), 'state.bin');
  writeFileSync(path, Uint8Array.of(1, 2, 255));
  tracker.finish(sampleSummary, [{ name: 'state.bin', path }]);
  return tracker.close();
}

test('a run is sent with its parameters, tags, metrics by step, and result', async () => {
  expect(await track()).toBeUndefined();
  const [run] = server.runs;
  expect(run).toMatchObject({ name: 'a', status: 'FINISHED' });
  expect(run!.params.get('method')).toBe('priot');
  expect(run!.params.get('angle')).toBe('45');
  expect(run!.tags.get('priot.place')).toBe('emulated');
  const metrics = [...run!.metrics.values()];
  const values = (key: string) =>
    metrics.filter((metric) => metric.key === key).map(({ step, value }) => [step, value]);
  expect(values('accuracy/digits test')).toEqual([
    [0, 0.5],
    [2, 0.875],
    [4, 0.75],
  ]);
  expect(values('accuracy/training')).toEqual([
    [2, 1],
    [4, 1],
  ]);
  expect(values('result/accuracyAfter')).toEqual([[4, 0.75]]);
  expect(values('step/active')).toEqual([
    [2, 0.5],
    [4, 0.5],
  ]);
  expect([...run!.artefacts].map(([name, bytes]) => [name, [...bytes]])).toEqual([['state.bin', [1, 2, 255]]]);
});

test('a server without a place for files of its own gets a tag that says so', async () => {
  const bucket = await startMlflowServer('s3://bucket/');
  try {
    expect(await track(bucket.address)).toBeUndefined();
    expect(bucket.runs[0]!.tags.get('priot.artefacts')).toMatch(/not sent/);
    expect(bucket.runs[0]!.status).toBe('FINISHED');
  } finally {
    await bucket.close();
  }
});

test('a run whose parameters got lost on the way gets them when it is sent again', async () => {
  await track();
  server.runs[0]!.params.clear();
  await track();
  expect(server.runs[0]!.params.get('method')).toBe('priot');
});

test('the experiment is the one that the environment names', async () => {
  await track(server.address, { MLFLOW_EXPERIMENT_NAME: 'mine' });
  expect(server.requests.find(({ path }) => path === 'POST experiments/create')?.body).toEqual({ name: 'mine' });
});

test('a run that is sent again goes on with the first: no value stands twice', async () => {
  await track();
  const before = server.runs[0]!.metrics.size;
  expect(await track()).toBeUndefined();
  expect(server.runs).toHaveLength(1);
  expect(server.runs[0]!.metrics.size).toBe(before);
});

test('a server that is busy for a while gets everything all the same', async () => {
  server.failNext.push(503, 429);
  expect(await track()).toBeUndefined();
  expect(server.runs[0]!.status).toBe('FINISHED');
});

test('a server that refuses is named at the end, with what was not sent; the session has not noticed', async () => {
  server.failNext.push(401);
  expect(await track()).toMatch(/^mlflow http:\/\/127\.0\.0\.1:\d+: \d+ values were not sent \(.*HTTP 401/);
});

test('user, password and token come from the address or the environment and stand in no message', async () => {
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  expect(mlflowServer('http://me:secret@host:5000/', {})).toEqual({
    address: 'http://host:5000',
    authorization: basic,
  });
  const named = { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'secret' };
  expect(mlflowServer('http://host:5000', named).authorization).toBe(basic);
  expect(mlflowServer('http://host', { ...named, MLFLOW_TRACKING_TOKEN: 't' }).authorization).toBe('Bearer t');
  server.failNext.push(403);
  const message = await track(server.address.replace('http://', 'http://me:secret@'));
  expect(message).not.toContain('secret');
  expect(server.requests.every(({ authorization }) => authorization === basic)).toBe(true);
});
