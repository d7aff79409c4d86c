import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TrainOptions } from '#host/options/train.js';
import { runEvents } from '#host/runs/run-folder.js';
import type { TrainEvent } from '#host/sessions/events.js';
import { exportMlflow, exportTensorboard } from '#host/sessions/export-run.js';
import { sweep } from '#host/sessions/sweep.js';
import { trackTargets } from '#host/sessions/tracking.js';
import { resume, train } from '#host/sessions/train.js';
import { uiBeside } from '#host/sessions/ui-beside.js';
import { callCli } from '../cli/run-cli.js';
import { writeSmallNetwork } from '../network/small-network.js';
import { temporaryFolder } from '../runs/sample-run.js';
import { type MlflowServerForTests, startMlflowServer } from './mlflow-server.js';

const small: TrainOptions = { dataset: 'digits', samples: 96, epochs: 2, evalSamples: 32, device: 'simulator' };

async function withServer(work: (server: MlflowServerForTests) => Promise<void>): Promise<void> {
  const server = await startMlflowServer();
  try {
    await work(server);
  } finally {
    await server.close();
  }
}

/** Accuracies on test images by the number of steps before them, as metrics.jsonl has them. */
function accuraciesOf(run: string): [number, number][] {
  const accuracies: [number, number][] = [];
  let steps = 0;
  for (const event of runEvents(run)) {
    if (event.type === 'step') steps += 1;
    if (event.type === 'epoch') accuracies.push([steps, event.accuracy]);
  }
  return accuracies;
}

test('a session tells three trackers while it goes on, and each has the numbers of metrics.jsonl', () =>
  withServer(async (server) => {
    const folder = temporaryFolder();
    const out = join(folder, 'a-run');
    const logs = join(folder, 'logs');
    const live = join(folder, 'dvclive');
    const track = [`mlflow=${server.address}`, `tensorboard=${logs}`, `dvclive=${live}`];
    const events: TrainEvent[] = [];
    const summary = await train({ ...small, out, track }, { onEvent: (event) => events.push(event) });
    expect(events.filter(({ type }) => type === 'tracking')).toEqual([]);

    const [run] = server.runs;
    expect([server.runs.length, run!.name, run!.status]).toEqual([1, 'a-run', 'FINISHED']);
    expect(run!.params.get('samples')).toBe('96');
    const evaluated = [...run!.metrics.values()].filter(({ key }) => /^accuracy\/.*test/.test(key));
    const known = evaluated.map(({ step, value }) => [step, value]);
    for (const [step, accuracy] of accuraciesOf(out)) expect(known).toContainEqual([step, accuracy]);
    expect(JSON.parse(Buffer.from(run!.artefacts.get('run.json')!).toString()).summary).toEqual(summary);
    expect(Buffer.from(run!.artefacts.get('state.bin')!).equals(readFileSync(join(out, 'state.bin')))).toBe(true);

    const [file] = readdirSync(join(logs, 'a-run'));
    const exported = exportTensorboard(out, join(folder, 'exported'));
    expect(readFileSync(join(logs, 'a-run', file!)).equals(readFileSync(exported))).toBe(true);
    expect(JSON.parse(readFileSync(join(live, 'metrics.json'), 'utf8')).result.accuracyAfter).toBe(
      summary.accuracy.after,
    );
  }));

test('trackers and an open live page change no digest and no cycle count', () =>
  withServer(async (server) => {
    const folder = temporaryFolder();
    const counted = {
      device: 'emulator',
      samples: 8,
      epochs: 1,
      evalSamples: 4,
      evalSource: 0,
      calibrate: 'none',
    } as const;
    const options: TrainOptions = { ...small, ...counted, model: writeSmallNetwork(join(folder, 'model')) };
    const track = [`mlflow=${server.address}`, `tensorboard=${join(folder, 'logs')}`, `dvclive=${join(folder, 'd')}`];
    const plain = await train({ ...options, out: join(folder, 'plain') });
    const page = await uiBeside({ dir: folder, port: 0 });
    const open = new AbortController();
    await fetch(`${page.address}events`, { signal: open.signal });
    const tracked = await train({ ...options, out: join(folder, 'tracked'), track });
    const shown = await (await fetch(`${page.address}run?id=tracked`)).text();
    expect(shown.includes('tracked: done')).toBe(true);
    open.abort();
    await page.close();
    const { run: _, wallSeconds: __, ...result } = plain;
    expect(tracked).toMatchObject(result);
    const cycles = (name: string) =>
      [...runEvents(join(folder, name))].filter(({ type }) => type === 'step' || type === 'cycles');
    expect(cycles('tracked')).toEqual(cycles('plain'));
  }));

test('a tracker that is away or cannot write fails no session; what is missing is named and sent later', () =>
  withServer(async (server) => {
    const folder = temporaryFolder();
    const out = join(folder, 'a');
    server.failNext.push(401);
    const track = [`mlflow=${server.address}`, 'tensorboard=/proc/nowhere'];
    const events: TrainEvent[] = [];
    const summary = await train({ ...small, out, track }, { onEvent: (event) => events.push(event) });
    expect(summary.steps).toBe(192);
    const said = events.flatMap((event) => (event.type === 'tracking' ? [event.text] : []));
    expect(said).toEqual([
      expect.stringMatching(/^mlflow .*HTTP 401.*to send it later: priot runs export mlflow /),
      expect.stringMatching(/^tensorboard \/proc\/nowhere/),
    ]);
    await exportMlflow(out, server.address, {});
    expect(server.runs.map(({ status }) => status)).toEqual(['FINISHED']);
  }));

test('a run that was interrupted goes on in the trackers with the same run, each value once', () =>
  withServer(async (server) => {
    const out = join(temporaryFolder(), 'a');
    const track = [`mlflow=${server.address}`];
    const stop = new AbortController();
    const options = { ...small, out, track };
    let steps = 0;
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step') steps += 1;
      if (steps === 100) stop.abort(new Error('enough'));
    };
    await expect(train(options, { signal: stop.signal, onEvent })).rejects.toThrow();
    expect(server.runs.map(({ status }) => status)).toEqual(['KILLED']);
    await resume({ run: out, track });
    expect(server.runs.map(({ status }) => status)).toEqual(['FINISHED']);
    const evaluated = [...server.runs[0]!.metrics.values()].filter(({ key }) => key === 'accuracy/digits test');
    expect(evaluated.map(({ step, value }) => [step, value])).toEqual([...new Map(accuraciesOf(out))]);
  }));

test('a sweep sends each cell as a run of its own, with its parameters', () =>
  withServer(async (server) => {
    const folder = temporaryFolder();
    const file = join(folder, 'two.yaml');
    const fixed = 'dataset: digits, samples: 32, eval_samples: 16';
    writeFileSync(file, `name: two\nmethod: grid\nparameters: {angle: [15, 30], ${fixed}}\n`);
    const live = join(folder, 'live');
    await sweep({
      file,
      out: join(folder, 'runs'),
      workers: 1,
      track: [`mlflow=${server.address}`, `dvclive=${live}`],
    });
    expect(server.runs.map(({ params }) => params.get('angle')).sort()).toEqual(['15', '30']);
    expect(server.runs.map(({ status }) => status)).toEqual(['FINISHED', 'FINISHED']);
    expect(readdirSync(live)).toHaveLength(2);
  }));

test('mlflow alone means the server of the environment; without one nothing is trained', () => {
  const environment = { MLFLOW_TRACKING_URI: 'http://me:secret@host:5000' };
  expect(trackTargets(['mlflow'], environment)).toMatchObject([{ server: { address: 'http://host:5000' } }]);
  expect(() => trackTargets(['mlflow'], {})).toThrow(/no MLflow server is named/);
  expect(() => trackTargets(['mlflow'], { MLFLOW_TRACKING_URI: 'databricks' })).toThrow(/no http address/);
});

test.each(['mlflow=http://me:secret@host', 'mlflow=ftp://host', 'tensorboard=', 'wandb=x'])(
  'track %s is refused before anything is done',
  async (word) => {
    const out = join(temporaryFolder(), 'a');
    await expect(train({ ...small, out, track: [word] })).rejects.toMatchObject({ code: 'OPTION_REFUSED' });
    expect(existsSync(out)).toBe(false);
  },
);

test('the command line takes --track several times', async () => {
  const folder = temporaryFolder();
  const [out, one, two] = ['run', 'one', 'two'].map((name) => join(folder, name));
  const words = ['--dataset', 'digits', '--samples', '16', '--eval-samples', '8', '--device', 'simulator', '--quiet'];
  const track = ['--track', `dvclive=${one}`, '--track', `dvclive=${two}`];
  expect((await callCli(['train', ...words, '--out', out!, ...track])).status).toBe(0);
  expect([one, two].map((live) => existsSync(join(live!, 'metrics.json')))).toEqual([true, true]);
});
