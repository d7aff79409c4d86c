/** Workers, sweeps and `priot fleet` as one process has them: what fits whom, what fails, and what is refused. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNobody } from '#host/fleet/needs.js';
import { queueAddress } from '#host/fleet/queue-address.js';
import { CellQueues } from '#host/fleet/queues.js';
import { FleetStore } from '#host/fleet/store.js';
import { type FleetDocument, fleet, type SweepDocument, type SweepOptions, sweep, ui, worker } from '#host/index.js';
import { RedisServer } from './redis-server.js';

let folder: string;
let redis: RedisServer;
let store: FleetStore;
let queue: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'priot-fleet-'));
  redis = await RedisServer.start();
  queue = redis.url;
  store = await FleetStore.open(queueAddress(queue, {}));
});
afterAll(async () => {
  store.close();
  await redis.remove();
  rmSync(folder, { recursive: true });
});
beforeEach(() => store.redis.flushdb());

const session = 'dataset: digits\n  samples: 32\n  eval_samples: 8\n  eval_source: 0';

function sweepFile(name: string, seeds: readonly number[], more = '', parameters = 'epochs: 1'): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `name: ${name}\n${more}parameters:\n  ${session}\n  ${parameters}\n  seed: ${JSON.stringify(seeds)}\n`,
  );
  return file;
}

/** What a verb tells, and a way to wait for some of it. */
class Told {
  readonly texts: string[] = [];
  readonly #waiting = new Set<() => void>();

  readonly onEvent = (event: { readonly type: string; readonly text?: string | undefined }): void => {
    if (event.type !== 'notice') return;
    this.texts.push(event.text ?? '');
    for (const look of this.#waiting) look();
  };

  async one(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.texts.find((text) => pattern.test(text));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const look = () => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }
}

/** A worker in this process, until it is stopped. */
function work(name: string, options: { label?: string[]; device?: string[]; lockSeconds?: number } = {}) {
  const stop = new AbortController();
  const told = new Told();
  const quick = { lockSeconds: 5, uploadSeconds: 0, dir: join(folder, 'work') };
  const ended = worker({ queue, name, ...quick, ...options }, { signal: stop.signal, onEvent: told.onEvent });
  return {
    told,
    stop: async () => {
      stop.abort(new Error('stopped'));
      return ended;
    },
  };
}

function over(options: Omit<SweepOptions, 'queue'>): { told: Told; document: Promise<SweepDocument> } {
  const told = new Told();
  const out = join(folder, 'out', Math.random().toString(16).slice(2));
  return { told, document: sweep({ queue, out, ...options }, { onEvent: told.onEvent }) };
}

const refusedBy = ({ workers }: FleetDocument) => workers.flatMap(({ refusals }) => refusals.map(({ why }) => why));

describe('cells', () => {
  it('go to workers that have what they ask for, and the sweep says which none can take', async () => {
    const first = work('first');
    const file = sweepFile('asking', [0, 1], 'requires: {label: lab2, place: simulated}\n');
    const { told, document } = over({ file });
    const complaint = await told.one(/no worker can take 2 sessions/);
    expect(complaint).toContain('label lab2');
    expect(complaint).toContain('--seed=1');
    expect(complaint).toMatch(/first-\w+: it has no label lab2/);
    const second = work('second', { label: ['lab1', 'lab2'] });
    const { sessions } = await document;
    expect(sessions.map(({ steps }) => steps)).toEqual([32, 32]);
    const { cells, workers } = await fleet({ queue });
    expect(cells.map(({ worker }) => worker?.split('-')[0])).toEqual(['second', 'second']);
    expect(workers.map(({ id, labels }) => [id.split('-')[0], labels])).toEqual([
      ['first', []],
      ['second', ['lab1', 'lab2']],
    ]);
    await Promise.all([first.stop(), second.stop()]);
    expect((await fleet({ queue })).workers).toEqual([]);
    expect(readdirSync(join(folder, 'work', 'first'))).toEqual([]);
  });

  it('that fail are tried again as often as is asked, then by hand; the others are done once', async () => {
    const busy = work('failing');
    const file = sweepFile('failing', [0, 99_999]);
    const { told, document } = over({ file, retries: 1 });
    const { failed, sessions } = await document;
    expect([sessions.length, failed.length]).toEqual([1, 1]);
    expect(failed[0]!.message).toMatch(/seed 99999/);
    expect(await busy.told.one(/failed, and is tried again/)).toMatch(/seed 99999/);
    expect(await told.one(/^failed:/)).toMatch(/--seed=99999.* by failing-\w+: .*seed 99999.*priot fleet --retry/);
    const before = await fleet({ queue });
    expect(before.failures).toMatchObject([{ tries: 2, final: true, message: expect.stringMatching(/seed 99999/) }]);
    expect(before.cells.map(({ state }) => state).sort()).toEqual(['done', 'failed']);
    const [{ cell }] = before.failures as [FleetDocument['failures'][number]];
    await expect(fleet({ queue, retry: ['nothing'] })).rejects.toMatchObject({ code: 'CELL_UNKNOWN' });
    const seen = busy.told.texts.length;
    expect((await fleet({ queue, retry: [cell.slice(0, 8)] })).retried).toEqual([cell]);
    while (busy.told.texts.slice(seen).filter((text) => text.includes('failed')).length < 2) {
      await immediate();
    }
    // A second sweep, elsewhere, takes what is there: nothing is trained again.
    const again = await over({ file }).document;
    expect(again.sessions.map(({ stateDigest }) => stateDigest)).toEqual(
      sessions.map(({ stateDigest }) => stateDigest),
    );
    expect(busy.told.texts.filter((text) => text.includes('done in'))).toHaveLength(1);
    // A result that is forgotten is made again when it is asked for.
    expect((await fleet({ queue, forget: 0 })).forgotten).toBe(1);
    const anew = await over({ file: sweepFile('anew', [0]) }).document;
    expect(anew.sessions[0]!.stateDigest).toBe(sessions[0]!.stateDigest);
    expect(busy.told.texts.filter((text) => text.includes('done in'))).toHaveLength(2);
    await busy.stop();
  });

  it.each([
    ['options that train refuses', { options: { angle: 999 } }, /angle is 999/],
    ['an option that train has not', { options: { out: '/etc' } }, /no option out/],
    ['another name than what is asked', { options: { seed: 7 } }, /would be \w+ here/],
    ['keys that nobody knows', { path: '../..' }, /path is no key here/],
    ['a network by a path', { network: '../../../etc' }, /network is .*; it must be 64 hexadecimal digits/],
  ])('with %s are refused, once and for all', async (_, change, why) => {
    const { told, document } = over({ file: sweepFile('hostile', [3]) });
    await told.one(/no worker is on the queue yet/);
    const [group] = (await store.groups()).keys();
    const [job] = (await new CellQueues(store).names(group!, 'wait')) as [string];
    const key = `priot:queue:${group}:${job}`;
    const before = JSON.parse((await store.redis.hget(key, 'data'))!);
    await store.redis.hset(key, 'data', JSON.stringify({ ...before, ...change }));
    const busy = work('careful');
    const { failed } = await document;
    expect(failed).toMatchObject([{ message: expect.stringMatching(why) }]);
    await busy.stop();
  });
});

describe('a worker', () => {
  it.each([
    ['killed', () => redis.down('SIGKILL'), () => redis.up()],
    ['silent', async () => redis.signal('SIGSTOP'), async () => redis.signal('SIGCONT')],
  ])(
    'trains on while Redis is %s for longer than its lease, and publishes when it is back',
    async (how, away, back) => {
      const busy = work('patient', { lockSeconds: 1 });
      const file = sweepFile(how, [11], '', 'epochs: 60');
      const { document } = over({ file });
      const isTraining = async () =>
        (await store.workers()).some(({ record }) => record.boards[0]?.state === 'training');
      while (!(await isTraining())) await immediate();
      await away();
      // The time is the fault itself: the lease must run out meanwhile.
      await delay(1_500);
      await back();
      const { sessions } = await document;
      expect(sessions.map(({ steps }) => steps)).toEqual([60 * 32]);
      expect(busy.told.texts.filter((text) => text.includes('done in'))).toHaveLength(1);
      expect(await store.changes()).toBe('1');
      await busy.stop();
    },
  );

  it('that is stopped gives its cell back, and another one goes on where it left it', async () => {
    const first = work('leaving');
    const { document } = over({ file: sweepFile('handed', [31], '', 'epochs: 60') });
    while ((await store.recorded()).checkpoints.length === 0) await immediate();
    await first.stop();
    expect(await store.changes()).toBe('0');
    const [record] = [...(await store.checkpoints((await store.recorded()).checkpoints)).values()];
    const second = work('coming');
    expect(await second.told.one(/goes on/)).toMatch(
      new RegExp(`before step ${record!.nextStep}, where leaving-\\w+ left it`),
    );
    const { sessions } = await document;
    expect(sessions.map(({ steps }) => steps)).toEqual([60 * 32]);
    expect((await store.recorded()).checkpoints).toEqual([]);
    await second.stop();
  });

  it('is shown by priot ui: the runs of the queue on the live page', async () => {
    const busy = work('shown');
    const { sessions } = await over({ file: sweepFile('shown', [21, 22]) }).document;
    const server = await ui({ queue, port: 0 });
    const page = await (await fetch(server.address)).text();
    const { cells } = await fleet({ queue });
    expect(cells).toHaveLength(sessions.length);
    for (const { cell } of cells) expect(page).toContain(cell);
    await server.close();
    await busy.stop();
  });

  it('refuses cells of another priot, firmware or data set, and says which', async () => {
    const busy = work('strict');
    await over({ file: sweepFile('given', [5]) }).document;
    const [[, needs]] = [...(await store.groups())] as [[string, Parameters<typeof whyNobody>[2]]];
    const records = (await store.workers()).map(({ record }) => record);
    const other = 'f'.repeat(64);
    const why = (change: object) => whyNobody(records, '0'.repeat(16), { ...needs, ...change })?.join('\n');
    expect(why({})).toBeUndefined();
    expect(why({ priot: '99.0.0' })).toMatch(/strict-\w+: its priot is \d\S*, not 99\.0\.0/);
    expect(why({ firmware: { simulator: other, image: other } })).toMatch(
      /simulator: its firmware is \w{12}, not f{12}/,
    );
    expect(why({ place: 'hardware' })).toMatch(/simulator is simulated, not hardware/);
    expect(why({ board: '00112233aabbccdd' })).toMatch(/simulator is board \w{16}, not 00112233aabbccdd/);
    expect(why({ memory: 2 ** 31 })).toMatch(/bytes, fewer than 2147483648/);
    const [digits] = needs.data;
    await store.addGroup('1'.repeat(16), { ...needs, data: [{ ...digits!, sha256: other }] });
    await store.addGroup('2'.repeat(16), { ...needs, data: [{ name: 'absent', sha256: other }] });
    await busy.told.one(/2{16} are refused/);
    const told = new Promise<FleetDocument>((resolve) => {
      const look = async () => {
        const document = await fleet({ queue });
        if (refusedBy(document).length === 2) resolve(document);
        else void immediate().then(look);
      };
      void look();
    });
    expect(refusedBy(await told).sort()).toEqual([
      expect.stringMatching(/the data set absent cannot be read: .*is not there/),
      expect.stringMatching(/the data set digits is another one: \w{12}, not f{12}/),
    ]);
    await busy.stop();
  });
});
