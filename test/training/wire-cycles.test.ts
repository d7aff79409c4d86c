/** What a run counts of its cycles is of its training steps: evaluation, however long, is not in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runEvents } from '#host/runs/run-folder.js';
import { train } from '#host/sessions/train.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-wire-cycles-'));
afterAll(() => rmSync(scratch, { recursive: true }));

test('more images to evaluate cost no more wire cycles of the training steps', async () => {
  const model = join(import.meta.dirname, '../conformance/priot-45');
  const wireCycles = async (evalSamples: number) => {
    const out = join(scratch, String(evalSamples));
    const session = { device: 'emulator', model, dataset: 'digits', samples: 16, epochs: 1, evalSource: 0 } as const;
    await train({ ...session, evalSamples, out });
    const counted = [...runEvents(out)].filter((event) => event.type === 'cycles');
    expect(counted).toHaveLength(1);
    return counted[0]!.wireCycles;
  };
  const [few, many] = [await wireCycles(1), await wireCycles(40)];
  expect(few).toBeGreaterThan(0);
  // How frames fall into USB packets differs by a few of them; 39 images more would be several times the sum.
  expect(Math.abs(many / few - 1)).toBeLessThan(0.1);
});
