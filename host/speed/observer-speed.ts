/**
 * What trackers and an open live page cost a session: the processor time of its thread with them, beside the one without.
 * On a machine with a free core for the page that is the wall time, and other work on the machine hardly changes it.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { train } from '#host/sessions/train.js';
import { uiBeside } from '#host/sessions/ui-beside.js';

export interface ObserverSpeed {
  /** Training steps per second of the session's thread: nobody looks; three trackers; a live page that is open. */
  readonly plain: number;
  readonly tracked: number;
  readonly shown: number;
}

const ROUNDS = 3;
const SAMPLES = 4096;
const EPOCHS = 16;

/** Answers every request of an MLflow client, in a thread of its own. */
const SERVER = `
const { parentPort } = require('node:worker_threads');
const server = require('node:http').createServer((request, response) => {
  request.resume().on('end', () => response.end(JSON.stringify({
    experiment: { experiment_id: '1' },
    runs: [{ info: { run_id: '1', artifact_uri: 'mlflow-artifacts:/1/1/artifacts' } }],
  })));
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/**
 * Trains the same session on the simulator again and again, with and without observers in turns, and takes the quickest of
 * each: a session of the emulator or of a board has more to do per step, so that observers weigh less there.
 */
export async function measureObserverSpeed(): Promise<ObserverSpeed> {
  const folder = mkdtempSync(join(tmpdir(), 'priot-observer-speed-'));
  const server = new Worker(SERVER, { eval: true });
  const [port] = (await once(server, 'message')) as [number];
  const best = { plain: 0, tracked: 0, shown: 0 };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const kind of ['plain', 'tracked', 'shown'] as const) {
        const out = join(folder, `${kind}-${round}`);
        const track = [`mlflow=http://127.0.0.1:${port}`, `tensorboard=${out}-tb`, `dvclive=${out}-dvc`];
        const perSecond = await measure(out, kind === 'tracked' ? track : [], kind === 'shown');
        best[kind] = Math.max(best[kind], perSecond);
      }
    }
  } finally {
    await server.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
  return best;
}

async function measure(out: string, track: string[], shown: boolean): Promise<number> {
  const session = {
    device: 'simulator',
    dataset: 'digits',
    samples: SAMPLES,
    epochs: EPOCHS,
    evalSamples: 100,
  } as const;
  let page: Promise<() => Promise<void>> | undefined;
  let start = 0;
  let end = 0;
  await train(
    { ...session, evalSource: 0, out, ...(track.length > 0 && { track }) },
    {
      onEvent(event) {
        if (event.type === 'run' && shown) page = open(out);
        if (event.type !== 'step') return;
        if (event.step === 0) start = threadSeconds();
        if (event.step === SAMPLES * EPOCHS - 1) end = threadSeconds();
      },
    },
  );
  await (await page)?.();
  return (SAMPLES * EPOCHS) / (end - start);
}

/** Returns seconds that this process's first thread has been on a processor (Linux). */
function threadSeconds(): number {
  const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e9;
}

/** Opens the page of a run as a browser does: whenever it is told of a change it asks for the figures. */
async function open(dir: string): Promise<() => Promise<void>> {
  const server = await uiBeside({ dir, port: 0 });
  const watcher = new Worker(
    `const { workerData: address } = require('node:worker_threads');
    fetch(address + 'events').then(async ({ body }) => {
      for await (const piece of body) {
        if (Buffer.from(piece).includes('event: change')) await (await fetch(address + 'fragment/figures?run=.')).text();
      }
    }).catch(() => {});`,
    { eval: true, workerData: server.address },
  );
  return async () => {
    await watcher.terminate();
    await server.close();
  };
}
