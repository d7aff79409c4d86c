/** Networks whose logits are very small or very large: what pretrain and calibrate write, train takes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { calibrate } from '#host/sessions/calibrate.js';
import { pretrain } from '#host/sessions/pretrain.js';
import { train } from '#host/sessions/train.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-exponent-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The shipped architecture of the field trial, in MNIST's size: one convolution and few edges, so logits stay small. */
const architecture = join(scratch, 'narrow.json');
writeFileSync(
  architecture,
  JSON.stringify({
    name: 'narrow',
    input_shape: [28, 28, 1],
    layers: [
      { name: 'conv1', op: 'conv2d', out_channels: 4, kernel: 3, stride: 2, padding: 1, pool: 2, relu: true },
      { name: 'fc2', op: 'linear', out_features: 10 },
    ],
  }),
);

it('train takes what pretrain and calibrate write, whatever the exponent of the logits', async () => {
  const model = join(scratch, 'net');
  await pretrain({ architecture, dataset: 'digits', samples: 256, epochs: 1, out: model });
  const json = JSON.parse(readFileSync(join(model, 'network.json'), 'utf8'));
  const last = json.layers[1];
  for (const weightExponent of [last.weight_exponent, -31, 31]) {
    writeFileSync(
      join(model, 'network.json'),
      JSON.stringify({ ...json, layers: [json.layers[0], { ...last, weight_exponent: weightExponent }] }),
    );
    const out = join(scratch, `calibrated${weightExponent}`);
    await calibrate({ model, dataset: 'digits', samples: 64, out });
    for (const method of ['priot', 'niti-static', 'niti-dynamic'] as const) {
      const run = join(scratch, `${method}${weightExponent}`);
      const options = { device: 'simulator', model: out, dataset: 'digits', method, samples: 32, epochs: 1 } as const;
      const calibrateNone = method === 'niti-dynamic' ? {} : { calibrate: 'none' as const };
      const summary = await train({ ...options, ...calibrateNone, evalSamples: 50, out: run });
      expect(summary.steps).toBe(32);
    }
  }
});
