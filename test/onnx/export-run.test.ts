/** What a run learned, in a file: the runtime's prediction of every test image is the device's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportOnnx, openDevice, type TrainOptions, train } from '#host/index.js';
import { readManifest } from '#host/runs/run-folder.js';
import { stateOfRun } from '#host/sessions/evaluate.js';
import { InputCache } from '#host/sessions/inputs.js';
import { planSession } from '#host/sessions/train.js';
import { putNetwork } from '#host/training/network-on-device.js';
import { temporaryFolder } from '../dataset/temporary-folder.js';
import { RuntimeModel } from './runtime.js';

const IMAGES = 300;
const SIDE = 28;

const methods: readonly (readonly [string, Partial<TrainOptions>])[] = [
  ['priot, negating in one layer', { method: 'priot', belowThreshold: 'negate:fc1', threshold: -20 }],
  ['priot-s', { method: 'priot-s', threshold: 0 }],
  ['niti-static', { method: 'niti-static' }],
];

test.each(methods)('%s', async (_name, options) => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const common = {
    device: 'simulator',
    dataset: 'digits',
    angle: 30,
    samples: 96,
    epochs: 2,
    evalSamples: 10,
  } as const;
  await train({ ...common, ...options, out: run });
  const out = join(folder, 'net.onnx');
  const exported = await exportOnnx({ run, out });
  expect(exported.changed).toBeGreaterThan(0);
  expect(exported.inexactLayers).toEqual([]);

  const manifest = readManifest(run);
  const inputs = await new InputCache().load(manifest.asked, manifest, {});
  const { network, settings, test: images } = planSession(inputs, manifest);
  const connection = await openDevice({ device: 'simulator' });
  const device: number[] = [];
  try {
    const { link } = connection;
    await putNetwork(link, network, settings, stateOfRun(run, network.weights.length), {});
    const requests = Array.from({ length: IMAGES }, (_, index) => ({
      index,
      frozen: false,
      image: images.input(index),
    }));
    for await (const { prediction } of link.pipeline('evaluate', requests)) device.push(prediction);
  } finally {
    await connection.close();
  }

  const runtime = await RuntimeModel.load(readFileSync(out));
  const pixels = Float32Array.from(
    Array.from({ length: IMAGES }, (_, index) => [...images.input(index)].map((value) => value * 2)).flat(),
  );
  const logits = await runtime.run({ shape: [IMAGES, 1, SIDE, SIDE], values: pixels });
  const classes = logits.length / IMAGES;
  const runtimes = Array.from({ length: IMAGES }, (_, index) => {
    const own = [...logits.subarray(index * classes, (index + 1) * classes)];
    return own.indexOf(Math.max(...own));
  });
  expect(runtimes).toEqual(device);
});

test('niti-dynamic has no shifts to write', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const common = { device: 'simulator', dataset: 'digits', samples: 8, epochs: 1, evalSamples: 5 } as const;
  await train({ ...common, method: 'niti-dynamic', out: run });
  await expect(exportOnnx({ run, out: join(folder, 'net.onnx') })).rejects.toMatchObject({ code: 'EXPORT_NOT_STATIC' });
});
