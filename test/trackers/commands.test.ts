import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatEvent } from '#host/runs/metrics-file.js';
import { formatManifest } from '#host/runs/run-manifest.js';
import { callCli } from '../cli/run-cli.js';
import { sampleEvents, sampleManifest, sampleSummary, temporaryFolder } from '../runs/sample-run.js';
import { startMlflowServer } from './mlflow-server.js';

function aRun(name = 'a'): string {
  const path = join(temporaryFolder(), name);
  mkdirSync(path);
  writeFileSync(join(path, 'run.json'), formatManifest(sampleManifest({ summary: sampleSummary })));
  writeFileSync(join(path, 'metrics.jsonl'), sampleEvents.map((event) => `${formatEvent(event)}\n`).join(''));
  return path;
}

const exporting = (...words: string[]) => callCli(['runs', 'export', ...words]);

test('the table of epochs has training accuracy and cycles, and counts epochs from 1', async () => {
  const { status, stdout } = await exporting('csv', aRun(), '--events', 'epochs');
  expect(status).toBe(0);
  expect(stdout.split('\n')).toEqual([
    'epoch,images,imageSet,correct,accuracy,trainingAccuracy,steps,activeSteps,computeCycles,forwardCycles,wireCycles,idleCycles',
    '0,8,digits test,4,0.5,,,,,,,',
    '1,8,digits test,7,0.875,1,2,1,,,,',
    '2,8,digits test,6,0.75,1,2,1,2001,900,50,10',
    '',
  ]);
});

test('a TensorBoard folder takes one run: a second one is refused, the same one replaces itself', async () => {
  const out = join(temporaryFolder(), 'logs');
  const run = aRun();
  expect((await exporting('tensorboard', run, '--out', out)).status).toBe(0);
  expect((await exporting('tensorboard', run, '--out', out)).status).toBe(0);
  const { status, stderr } = await exporting('tensorboard', aRun('b'), '--out', out);
  expect(status).toBe(4);
  expect(stderr).toContain(`--out ${join(out, 'b')}`);
});

test('a run goes to DVCLive', async () => {
  const out = join(temporaryFolder(), 'dvclive');
  expect((await exporting('dvclive', aRun(), '--out', out)).status).toBe(0);
  expect(existsSync(join(out, 'metrics.json'))).toBe(true);
});

test('a run goes to the MLflow server that the environment names; without one, the way is said', async () => {
  const server = await startMlflowServer();
  try {
    const run = aRun();
    const { status } = await callCli(['runs', 'export', 'mlflow', run], {
      env: { MLFLOW_TRACKING_URI: server.address },
    });
    expect(status).toBe(0);
    expect(server.runs.map(({ name, status: state }) => [name, state])).toEqual([['a', 'FINISHED']]);
    const nowhere = await callCli(['runs', 'export', 'mlflow', run], { env: { MLFLOW_TRACKING_URI: '' } });
    expect([nowhere.status, nowhere.stderr]).toEqual([2, expect.stringContaining('MLFLOW_TRACKING_URI')]);
  } finally {
    await server.close();
  }
});
