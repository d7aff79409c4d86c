/** `--variant steady`: sessions without a tuned step, that can be repeated, resumed and evaluated, and do no harm. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '#host/sessions/evaluate.js';
import { resume, train } from '#host/sessions/train.js';
import { wholeNetwork } from '#host/training/guard.js';
import { stateDigest } from '#host/training/session-id.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-steady-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const EDGES = 52_040;
const common = {
  device: 'simulator',
  dataset: 'digits',
  samples: 128,
  epochs: 3,
  evalSamples: 50,
  evalSource: 0,
} as const;
const steady = { ...common, variant: 'steady' } as const;
const guardOf = (run: string) =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .findLast(({ type }) => type === 'guard');

describe.each(['priot', 'priot-s'] as const)('%s', (method) => {
  it('trains on nine tenths of the images, and ends the same when it is repeated or resumed', async () => {
    const out = join(scratch, method);
    const summary = await train({ ...steady, method, angle: 45, out });
    expect(summary.steps).toBe(3 * 116);
    expect(guardOf(out)).toMatchObject({ epoch: 2, images: 12 });
    const evaluated = await evaluate({ run: out, evalSamples: 50 });
    expect(evaluated.accuracy).toBe(summary.accuracy.after);

    const cut = join(scratch, `${method}-cut`);
    const interruption = new AbortController();
    const first = train(
      { ...steady, method, angle: 45, out: cut },
      {
        signal: interruption.signal,
        onEvent: (event) => {
          if (event.type === 'step' && event.step === 150) interruption.abort();
        },
      },
    );
    await expect(first).rejects.toThrow();
    const resumed = await resume({ run: cut });
    expect(resumed.stateDigest).toBe(summary.stateDigest);
  });
});

it('ends with the whole network where nothing changed, and says so', async () => {
  const out = join(scratch, 'upright');
  const summary = await train({ ...steady, method: 'priot', angle: 0, dataset: 'digits', out });
  const guard = guardOf(out);
  expect(guard.kept).toBe(false);
  expect(summary.stateDigest).toBe(stateDigest(wholeNetwork(EDGES)));
  expect(summary.accuracy.after).toBe(summary.accuracy.before);
});
