/** Imported networks train on the emulated Pico as they do on the simulator, byte for byte. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { importOnnx, train } from '#host/index.js';
import { temporaryFolder } from '../dataset/temporary-folder.js';

test.each(['lenet5', 'ds-cnn'])(
  '%s',
  async (name) => {
    const folder = temporaryFolder();
    const model = join(folder, name);
    await importOnnx({ file: join(import.meta.dirname, `fixtures/${name}.onnx`), out: model, scale: 255 });
    const common = {
      model,
      dataset: 'digits',
      angle: 45,
      method: 'priot',
      samples: 6,
      epochs: 1,
      evalSamples: 3,
    } as const;
    const simulated = await train({ ...common, device: 'simulator', out: join(folder, 'simulated') });
    const emulated = await train({ ...common, device: 'emulator', out: join(folder, 'emulated') });
    expect(emulated.place).toBe('emulated');
    expect(emulated.steps).toBe(6);
    expect(emulated.stateDigest).toBe(simulated.stateDigest);
    expect(emulated.accuracy).toEqual(simulated.accuracy);
  },
  300_000,
);
