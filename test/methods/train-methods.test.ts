/** Every method from the command line: what is recorded repeats the session exactly, also after an interruption. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InterruptedError } from '#host/errors.js';
import { evaluate } from '#host/sessions/evaluate.js';
import type { TrainEvent } from '#host/sessions/events.js';
import { InputCache } from '#host/sessions/inputs.js';
import * as library from '#host/sessions/train.js';
import { callCli } from '../cli/run-cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-methods-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const common = '--device simulator --dataset digits --samples 64 --epochs 3 --eval-samples 50 --angle 30'.split(' ');
const cache = new InputCache();
const asked = (run: string) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).asked;

async function train(name: string, words: string[]) {
  const out = join(scratch, name);
  const result = await callCli(['train', ...words, '--out', out, '--json']);
  expect(result.stderr).not.toContain('error:');
  return { out, summary: JSON.parse(result.stdout) as Record<string, unknown> };
}

describe.each([
  ['priot', '--calibrate source --mu 3 --below-threshold negate:fc1 --threshold -70', {}],
  ['priot-s', '--scored 0.1', { mu: 3, select: 'magnitude', budget: 'conv1=1,conv2=0.533,fc1=0.08,fc2=0.715' }],
  ['priot-s', '--select random --scored 0.2 --below-threshold negate', { mu: 4, select: 'random' }],
  [
    'priot-s',
    '--first-score-correction 0 --last-error-correction -2',
    { firstScoreCorrection: 0, lastErrorCorrection: -2 },
  ],
  ['niti-static', '', { calibrate: 'transfer', mu: 4 }],
  ['niti-dynamic', '--mu 4', { mu: 4 }],
])('priot train --method %s %s', (method, options, recorded) => {
  const name = `${method} ${options}`.replaceAll(/\W+/g, '-');
  const words = [...common, '--method', method, ...options.split(' ').filter((word) => word !== '')];

  it('can be repeated, and resumed, to the same state', async () => {
    const { out, summary } = await train(name, words);
    expect(summary).toMatchObject({ method, place: 'simulated', steps: 192 });
    expect(asked(out)).toMatchObject({ method, ...recorded });
    // What the command line does next is the library's alone: in this process, the data set is drawn once for all.
    const repeated = await library.train({ fromRun: out, out: `${out}-again` }, {}, cache);
    expect(repeated.stateDigest).toBe(summary.stateDigest);
    const evaluated = await evaluate({ run: out, evalSamples: 50 });
    expect(evaluated.accuracy).toBe((summary.accuracy as { after: number }).after);

    const cut = `${out}-cut`;
    const stop = new AbortController();
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'epoch' && event.epoch === 0) stop.abort(new InterruptedError('stopped after an epoch'));
    };
    const interrupted = library.train({ fromRun: out, out: cut }, { signal: stop.signal, onEvent }, cache);
    await expect(interrupted).rejects.toBeInstanceOf(InterruptedError);
    const resumed = await library.resume({ run: cut }, {}, cache);
    expect(resumed.stateDigest).toBe(summary.stateDigest);
  });
});

it('measures on training images that are held out, which no seed trains on', async () => {
  const words = [...common, '--eval-set', 'held-out', '--eval-every', '2'];
  const { out, summary } = await train('held-out', words);
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const epochs = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'epoch');
  expect(epochs.map(({ epoch, imageSet }) => [epoch, imageSet])).toEqual(
    [-1, 1, 2].map((epoch) => [epoch, expect.stringContaining('held out')]),
  );
  const onTest = await train('on-test', [...common, '--eval-every', '2']);
  expect(onTest.summary.stateDigest).toBe(summary.stateDigest);
});

it.each([
  ['--method priot --scored 0.1', 'belongs to priot-s'],
  ['--method priot-s --scored 0.1234', 'at most three decimals'],
  ['--method priot-s --budget fc1=1', 'nothing for conv1, conv2, fc2'],
  ['--calibrate none --mu 4', '--mu and --calibrate none exclude each other'],
  ['--method niti', 'Allowed choices are priot, priot-s, niti-static, niti-dynamic'],
])('refuses %s, and makes no run folder', async (words, message) => {
  const out = join(scratch, 'refused');
  const result = await callCli(['train', ...common, ...words.split(' '), '--out', out]);
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).toContain(message);
  expect(() => readFileSync(join(out, 'run.json'))).toThrow();
});
