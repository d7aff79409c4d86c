import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { digitsDataset } from '#host/dataset/digits.js';
import { parseArchitecture } from '#host/network/architecture.js';
import { Pretraining, type PretrainingState, pretrain, uprightAccuracy } from '#host/network/pretraining.js';
import {
  loadPretraining,
  pretrainingPath,
  removePretraining,
  savePretraining,
} from '#host/network/pretraining-file.js';

const architecture = parseArchitecture(
  {
    name: 'small',
    input_shape: [28, 28, 1],
    layers: [
      { name: 'conv', op: 'conv2d', out_channels: 4, kernel: 3, stride: 2, pool: 2, relu: true },
      { name: 'fc', op: 'linear', out_features: 10 },
    ],
  },
  'small.json',
);
const digits = digitsDataset();
const images = { ...digits.train, count: 300 };
const settings = { seed: 1, batchSize: 32, mu: [4, 3, 2], sparsity: 2 };

it('stops anywhere and goes on to the same weights', async () => {
  const whole = await pretrain(architecture, images, settings, () => {});
  for (const last of [1, 8, 9, 20]) {
    const stop = new AbortController();
    let batches = 0;
    const first = await Pretraining.open(architecture, images, { ...settings, signal: stop.signal });
    await expect(first.run(() => ++batches === last && stop.abort(new Error('stopped')))).rejects.toThrow('stopped');
    expect(batches).toBe(last);
    const folder = mkdtempSync(join(tmpdir(), 'priot-pretraining-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const out = join(folder, 'models/net/');
    const saved = { asked: { mu: settings.mu }, architecture: { name: 'small' }, data: { a: 'b' }, state: first.state };
    savePretraining(out, saved);
    expect(loadPretraining(out)).toEqual(saved);
    const second = await Pretraining.open(architecture, images, settings, loadPretraining(out).state);
    const steps: number[] = [];
    const network = await second.run(({ epoch, images: done }) => steps.push(epoch * 9 + done / 32));
    expect(network).toEqual(whole);
    expect(steps[0]).toBe(last + 1);
    removePretraining(out);
    expect(() => loadPretraining(out)).toThrow(/no interrupted pretraining of .*net/);
  }
});

it('tells the progress of its evaluation', async () => {
  const network = await pretrain(architecture, images, { ...settings, mu: [5, 3] }, () => {});
  const seen: number[] = [];
  const test = { ...digits.test, count: 200 };
  const accuracy = await uprightAccuracy(network, test, undefined, (done) => seen.push(done));
  expect(seen).toEqual([64, 128, 192]);
  expect(accuracy).toBeGreaterThan(0.3);
});

it('refuses a saved pretraining that is damaged', () => {
  const folder = mkdtempSync(join(tmpdir(), 'priot-pretraining-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const out = join(folder, 'net');
  const state: PretrainingState = { epoch: 0, images: 32, correct: 3, weights: new Int8Array(5) };
  savePretraining(out, { asked: {}, architecture: {}, data: {}, state });
  const text = readFileSync(pretrainingPath(out), 'utf8');
  writeFileSync(pretrainingPath(out), text.slice(0, -9));
  expect(() => loadPretraining(out)).toThrow(/net\.pretraining\.json: is no JSON/);
  writeFileSync(pretrainingPath(out), text.replace('"epoch":0', '"epoch":-1').replace('"images":32,', ''));
  expect(() => loadPretraining(out)).toThrow(/2 things are wrong:\n {2}epoch is -1.*\n {2}images is missing/);
});
