import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { DvcliveTracker } from '#host/trackers/dvclive.js';
import { TrackedMetrics } from '#host/trackers/tracked-metrics.js';
import { sampleEvents, sampleManifest, sampleSummary, temporaryFolder } from '../runs/sample-run.js';

async function track(folder: string): Promise<string | undefined> {
  const tracker = new DvcliveTracker(folder);
  tracker.begin(sampleManifest());
  const metrics = new TrackedMetrics();
  for (const event of sampleEvents) tracker.add(metrics.add(event));
  tracker.finish(sampleSummary);
  return tracker.close();
}

test('a run becomes the files that DVC reads; a second one replaces them', async () => {
  const folder = join(temporaryFolder(), 'dvclive');
  for (let times = 0; times < 2; times += 1) {
    expect(await track(folder)).toBeUndefined();
    const text = (name: string) => readFileSync(join(folder, name), 'utf8');
    expect(parse(text('params.yaml'))).toMatchObject({ method: 'priot', angle: 45, place: 'emulated' });
    expect(JSON.parse(text('metrics.json'))).toMatchObject({
      accuracy: { 'digits test': 0.75 },
      result: { accuracyBefore: 0.5 },
    });
    expect(text('plots/metrics/accuracy/digits test.tsv')).toBe('step\tdigits test\n0\t0.5\n2\t0.875\n4\t0.75\n');
    const { params, metrics, plots } = parse(text('dvc.yaml'));
    expect([params, metrics, plots]).toEqual([['params.yaml'], ['metrics.json'], [{ 'plots/metrics': { x: 'step' } }]]);
  }
});

test('a folder that cannot be written is named at the end and ends nothing', async () => {
  expect(await track('/proc/nowhere/dvclive')).toMatch(/^dvclive \/proc\/nowhere\/dvclive: /);
});
