import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCheckpoint } from '#host/runs/checkpoint.js';
import { type CliResult, callCli, runCli } from './run-cli.js';

const conformance = join(import.meta.dirname, '../conformance');
const model = join(conformance, 'priot-45');
const scratch = mkdtempSync(join(tmpdir(), 'priot-train-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const path = (name: string) => join(scratch, name);
const simulated = ['--device', 'simulator', '--model', model, '--dataset', 'digits'];
const asked = [...simulated, '--epochs', '4', '--samples', '512', '--eval-samples', '200'];

function steps(run: string): string[] {
  return readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"type":"step"'));
}

describe('priot train', () => {
  const run = path('whole');
  let whole: CliResult;
  let summary: Record<string, unknown>;
  beforeAll(async () => {
    whole = await callCli(['train', ...asked, '--out', run, '--json']);
    summary = JSON.parse(whole.stdout);
  });

  it('prints the summary, and nothing else, on stdout', () => {
    expect(whole.status).toBe(0);
    expect(summary).toMatchObject({
      run,
      place: 'simulated',
      method: 'priot',
      steps: 2048,
      cyclesPerStep: null,
      deviceIdleShare: null,
      stateDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const { before, after, best } = summary.accuracy as Record<string, number>;
    expect(before).toBeGreaterThan(0.2);
    expect(after).toBeGreaterThan(before!);
    expect(best).toBeGreaterThanOrEqual(after!);
  });

  it('says on stderr what runs where, and how it goes', () => {
    expect(whole.stderr).toMatch(/^device simulator \(simulated\), firmware/);
    expect(whole.stderr).toContain(`run folder ${run}\n`);
    expect(whole.stderr).toMatch(/before training: accuracy 0\.\d+ on 200 test images\n/);
    expect(whole.stderr).toMatch(/epoch 4\/4: accuracy 0\.\d+, training 0\.\d+, \d/);
  });

  it('leaves a run folder whose state has the digest', () => {
    const { state, nextStep } = decodeCheckpoint(readFileSync(join(run, 'state.bin')), 'state.bin');
    expect(nextStep).toBe(2048);
    expect(createHash('sha256').update(state).digest('hex')).toBe(summary.stateDigest);
    expect(steps(run)).toHaveLength(2048);
    const manifest = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
    expect(manifest.summary).toEqual(summary);
    expect(manifest.provenance.firmware.imageSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('ends with the same state after Ctrl-C and --resume', async () => {
    const cut = path('cut');
    let interrupted = false;
    const first = await runCli(['train', ...asked, '--out', cut, '--json'], {
      onStderr: (stderr, child) => {
        if (interrupted || !stderr.includes('epoch 1/4:')) return;
        interrupted = true;
        child.kill('SIGINT');
      },
    });
    expect(first.status).toBe(130);
    expect(JSON.parse(first.stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
    expect(first.stderr).toContain(`priot train --resume ${cut}\n`);
    const { nextStep } = decodeCheckpoint(readFileSync(join(cut, 'state.bin')), 'state.bin');
    expect(nextStep).toBeGreaterThanOrEqual(512);
    expect(nextStep).toBeLessThan(2048);
    expect(steps(cut)).toHaveLength(nextStep);

    const second = await callCli(['train', '--resume', cut, '--json']);
    expect(second.status).toBe(0);
    const { wallSeconds: _, ...rest } = summary;
    expect(JSON.parse(second.stdout)).toMatchObject({ ...rest, run: cut });
    expect(steps(cut)).toEqual(steps(run));
  });

  it('resumes what was cut before its first step', async () => {
    const cut = path('cut-at-once');
    let interrupted = false;
    const first = await runCli(['train', ...asked, '--out', cut], {
      onStderr: (stderr, child) => {
        if (interrupted || !stderr.includes('run folder')) return;
        interrupted = true;
        child.kill('SIGINT');
      },
    });
    expect(first.status).toBe(130);
    const second = await callCli(['train', '--resume', cut, '--json']);
    expect(second.status).toBe(0);
    expect(JSON.parse(second.stdout).stateDigest).toBe(summary.stateDigest);
  });

  it('replays from the first step when the checkpoint is gone', async () => {
    const copy = path('no-checkpoint');
    cpSync(run, copy, { recursive: true });
    rmSync(join(copy, 'state.bin'));
    const manifest = JSON.parse(readFileSync(join(copy, 'run.json'), 'utf8'));
    delete manifest.summary;
    writeFileSync(join(copy, 'run.json'), JSON.stringify(manifest));
    const result = await callCli(['train', '--resume', copy, '--json']);
    expect(result.status).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ steps: 2048, stateDigest: summary.stateDigest });
  });

  it('repeats a run from its folder', async () => {
    const again = path('again');
    const result = await callCli(['train', '--from-run', run, '--out', again, '--json']);
    expect(result.status).toBe(0);
    const { wallSeconds: _, ...rest } = summary;
    expect(JSON.parse(result.stdout)).toMatchObject({ ...rest, run: again });
    expect(steps(again)).toEqual(steps(run));
  });

  it('says why a run of an older rotation differs, and does not resume one', async () => {
    const older = path('older');
    cpSync(run, older, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(older, 'run.json'), 'utf8'));
    expect(manifest.provenance.dataset.rotation).toBe(2);
    delete manifest.provenance.dataset.rotation;
    writeFileSync(join(older, 'run.json'), JSON.stringify(manifest));
    const again = await callCli(['train', '--from-run', older, '--out', path('older-again')]);
    expect(again.status).toBe(0);
    expect(again.stderr).toContain(`${older}: that run rotated its images by an older rule`);
    delete manifest.summary;
    writeFileSync(join(older, 'run.json'), JSON.stringify(manifest));
    const resumed = await callCli(['train', '--resume', older]);
    expect(resumed.status).toBe(4);
    expect(resumed.stderr).toContain(`try: train it anew: priot train --from-run ${older}\n`);
  });

  it('trains with another rule below the threshold, and repeats that too', async () => {
    const negated = path('negated');
    const short = [...simulated, '--samples', '100', '--eval-samples', '50', '--json', '--quiet'];
    const result = await callCli(['train', ...short, '--below-threshold', 'negate:fc1', '--out', negated]);
    expect(result.status).toBe(0);
    const { stateDigest } = JSON.parse(result.stdout);
    const plain = await callCli(['train', ...short, '--out', path('not-negated')]);
    expect(JSON.parse(plain.stdout).stateDigest).not.toBe(stateDigest);
    const model = join(conformance, 'priot-negate-45');
    const file = await callCli(['train', ...short, '--model', model, '--out', path('negated-by-file')]);
    expect(JSON.parse(file.stdout).stateDigest).toBe(stateDigest);
    const again = await callCli(['train', '--from-run', negated, '--out', path('negated-again'), '--json', '--quiet']);
    expect(JSON.parse(again.stdout).stateDigest).toBe(stateDigest);
  });

  it('is evaluated by priot eval to the same accuracy', async () => {
    const result = await callCli(['eval', '--run', run, '--eval-samples', '200', '--json', '--quiet']);
    expect(result.status).toBe(0);
    const { accuracy, ...rest } = JSON.parse(result.stdout);
    expect(rest).toEqual({ place: 'simulated', images: 200, correct: accuracy * 200 });
    expect(accuracy).toBe((summary.accuracy as Record<string, number>).after);
    const frozen = await callCli(['eval', ...simulated, '--eval-samples', '200', '--json']);
    expect(JSON.parse(frozen.stdout).accuracy).toBe((summary.accuracy as Record<string, number>).before);
    const file = path('state.raw');
    writeFileSync(file, decodeCheckpoint(readFileSync(join(run, 'state.bin')), 'state.bin').state);
    const fromFile = await callCli(['eval', ...simulated, '--state', file, '--eval-samples', '200', '--json']);
    expect(JSON.parse(fromFile.stdout).accuracy).toBe(accuracy);
  });

  it('refuses to resume a run that is done', async () => {
    const result = await callCli(['train', '--resume', run]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(`priot train --from-run ${run}`);
  });

  it('refuses to repeat a run with another network', async () => {
    const changed = path('changed-run');
    cpSync(run, changed, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(changed, 'run.json'), 'utf8'));
    manifest.asked.model = join(conformance, 'priot-negate-45');
    writeFileSync(join(changed, 'run.json'), JSON.stringify(manifest));
    const result = await callCli(['train', '--from-run', changed, '--out', path('never')]);
    expect(result.status).toBe(4);
    expect(result.stderr).toMatch(/case\.json of the network is not the one of that run/);
    expect(existsSync(path('never'))).toBe(false);
  });

  it('leaves a run folder that exists as it is', async () => {
    const before = readFileSync(join(run, 'metrics.jsonl'));
    const result = await callCli(['train', ...asked, '--out', run]);
    expect(result.status).toBe(4);
    expect(result.stderr).toMatch(/exists already\n {2}try: .*--out/);
    expect(readFileSync(join(run, 'metrics.jsonl')).equals(before)).toBe(true);
  });
});

describe('priot train refuses', () => {
  const malformed = path('malformed');
  const broken = path('broken-data');
  beforeAll(() => {
    cpSync(model, malformed, { recursive: true });
    const json = JSON.parse(readFileSync(join(model, 'case.json'), 'utf8'));
    json.layers[2].in_features = 785;
    writeFileSync(join(malformed, 'case.json'), JSON.stringify(json));
    mkdirSync(join(broken, 'mnist'), { recursive: true });
    for (const name of ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']) {
      writeFileSync(join(broken, 'mnist', `${name}-ubyte`), 'not what it should be');
    }
  });

  const wrong: [string, string[], number, RegExp][] = [
    ['an unknown option', ['--bogus'], 2, /unknown option '--bogus'/],
    ['no epoch', ['--epochs', '0'], 2, /'--epochs <n>' argument '0' is invalid.*1\.\.1000/],
    ['too many epochs', ['--epochs', '1001'], 2, /1\.\.1000/],
    ['an epoch and a half', ['--epochs', '1.5'], 2, /must be an integer/],
    ['an angle beyond a turn', ['--angle', '361'], 2, /degrees in -360\.\.360/],
    ['an angle that is no number', ['--angle', 'steep'], 2, /degrees in -360\.\.360/],
    ['no images', ['--samples', '0'], 2, /must be an integer in 1\.\./],
    ['a negative seed', ['--seed', '-1'], 2, /must be an integer in 0\.\./],
    ['a seed beyond the set', ['--seed', '5000'], 2, /seed 5000 trains on images .*\n {2}try: .*--seed 0\.\./],
    ['more images than there are', ['--samples', '900000'], 2, /try: choose --samples up to/],
    ['more test images than there are', ['--eval-samples', '900000'], 2, /--eval-samples 900000: .* has \d+ images/],
    ['an unknown data set', ['--dataset', 'imagenet'], 2, /no data set is called imagenet/],
    ['an unknown method', ['--method', 'sgd'], 2, /Allowed choices are priot/],
    ['a rule for a layer that is not there', ['--below-threshold', 'negate:fc9'], 2, /no layer fc9\n {2}try: .*fc1/],
    ['both ways to take up a run', ['--resume', 'a', '--from-run', 'b'], 2, /cannot be used with option/],
    ['a run that is none', ['--resume', scratch], 4, /is not a run folder/],
    ['a network that is not there', ['--model', '/nowhere'], 4, /no such file: \/nowhere\/network\.json/],
    ['a malformed network', ['--model', malformed], 4, /layer fc1: in_features is 785; it must be 784/],
    [
      'images of another shape',
      ['--model', join(conformance, 'priot-strided')],
      4,
      /takes images of 17x15x3; .* 28x28x1/,
    ],
    [
      'an uncalibrated network that is to stay so',
      ['--model', join(conformance, 'niti-dynamic-45'), '--calibrate', 'none'],
      4,
      /conv1 has no shifts.*\n {2}try: .*calibrate/,
    ],
    ['damaged data', ['--dataset', 'mnist', '--data-dir', broken], 4, /idx/],
    ['a folder of data that is not there', ['--dataset', 'mnist', '--data-dir', '/nowhere'], 4, /no such folder/],
    // before the data set is looked for, which takes long to load
    ['a device that is none', ['--device', 'foo', '--data-dir', '/nowhere'], 3, /foo: there is no device of that name/],
    ['a port that is not there', ['--device', '/dev/ttyNOWHERE'], 3, /ttyNOWHERE/],
  ];
  it.each(wrong)('%s', async (_, args, status, message) => {
    const out = path('refused');
    const base = args.includes('--resume')
      ? []
      : ['--device', 'simulator', '--model', model, '--dataset', 'digits', '--out', out];
    const result = await callCli(['train', ...base, ...args]);
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe('');
    expect(existsSync(out)).toBe(false);
  });

  it('a learned state of another length', async () => {
    const file = path('short.raw');
    writeFileSync(file, Buffer.alloc(100));
    const result = await callCli([
      'eval',
      '--device',
      'simulator',
      '--model',
      model,
      '--dataset',
      'digits',
      '--state',
      file,
    ]);
    expect(result.status).toBe(4);
    expect(result.stderr).toMatch(/short\.raw: has 100 bytes, must have 52040/);
  });
});

describe('priot train without --out', () => {
  it('names a run folder by time and what is trained', async () => {
    const cwd = mkdtempSync(join(scratch, 'cwd-'));
    const args = ['train', ...simulated, '--samples', '20', '--eval-samples', '10', '--quiet'];
    const result = await callCli(args, { cwd });
    expect(result.status).toBe(0);
    const [name] = readdirSync(join(cwd, 'runs'));
    expect(name).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-digits-45-priot$/);
    expect(result.stdout).toMatch(
      /^accuracy {4}0\.\d{4} before, 0\.\d{4} after on 10 images\n[\s\S]*0\.\d{4} in the best epoch on 10 images, chosen on test data\n/,
    );
    expect(result.stdout).toContain(`runs/${name}\n`);
    expect(result.stdout).toMatch(/learned state +52,040\n/);
    expect(result.stderr).toBe('');
  });
});
