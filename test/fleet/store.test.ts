/** The store against a real Redis: who may write about a cell, and what is done with bytes that are not what they should be. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pack, travellingRunFiles, unpack } from '#host/fleet/archive.js';
import { queueAddress } from '#host/fleet/queue-address.js';
import { CellQueues, TakingQueues } from '#host/fleet/queues.js';
import type { ResultRecord } from '#host/fleet/records.js';
import { FleetStore } from '#host/fleet/store.js';
import { RedisServer } from './redis-server.js';

const group = '0123456789abcdef';
const job = `fedcba9876543210-${group}`;
const data = { version: 1, cell: 'fedcba9876543210', options: {}, network: '0'.repeat(64) } as const;
const LOCK_MS = 600_000;

let redis: RedisServer;
let store: FleetStore;
let queues: CellQueues;
let taking: TakingQueues;
beforeAll(async () => {
  redis = await RedisServer.start();
  store = await FleetStore.open(queueAddress(redis.url, {}));
  queues = new CellQueues(store);
  taking = new TakingQueues(store, LOCK_MS);
});
afterAll(async () => {
  await taking.close();
  await queues.close();
  store.close();
  await redis.remove();
});
beforeEach(async () => {
  await store.redis.flushdb();
  await queues.add(group, [{ job, data }], 1);
});

async function resultRecord(text: string): Promise<ResultRecord> {
  const upload = await store.upload(Buffer.from(text));
  const where = { worker: 'w', device: 'simulator', boardId: '5052494f5453494d', place: 'simulated' } as const;
  return { ...upload, ...where, stateDigest: '0'.repeat(64), seconds: 1, at: new Date().toISOString() };
}

/** Names of blobs that are there. */
const blobs = async () => (await store.redis.keys('priot:blob:*')).length;

describe('a lease', () => {
  it('lets its holder alone publish, and once', async () => {
    const { lease } = (await taking.take(group))!;
    const record = await resultRecord('one');
    expect(await store.publish({ ...lease, token: 'of another worker' }, record)).toBe('lost');
    const second = await resultRecord('one');
    expect(await store.publish(lease, second)).toBe('published');
    // Sent again after a cut, it is the same publication; another one is too late.
    expect(await store.publish(lease, second)).toBe('published');
    expect(await store.publish(lease, await resultRecord('two'))).toBe('there');
    const results = await store.results([job]);
    expect(Buffer.from(await store.download(results.get(job)!)).toString()).toBe('one');
    expect([await store.changes(), await blobs()]).toEqual(['1', 1]);
  });

  it('publishes nothing of which a part is missing', async () => {
    const { lease } = (await taking.take(group))!;
    const record = await resultRecord('whole');
    await store.redis.set(`priot:blob:${record.blob}`, 'who');
    expect(await store.publish(lease, record)).toBe('incomplete');
    expect(await store.hasResult(job)).toBe(false);
  });

  it('that ran out is taken again by its holder, as long as nobody else has come to the cell', async () => {
    const { lease } = (await taking.take(group))!;
    const lock = `priot:queue:${group}:${job}:lock`;
    await store.redis.del(lock);
    expect(await store.hold(lease, LOCK_MS)).toBe(true);
    expect(await store.redis.get(lock)).toBe(lease.token);
    await store.redis.set(lock, 'of another worker');
    expect(await store.hold(lease, LOCK_MS)).toBe(false);
    await store.redis.del(lock);
    await store.redis.del(`priot:queue:${group}:active`);
    expect(await store.hold(lease, LOCK_MS)).toBe(false);
  });

  it('keeps one checkpoint of the cell, the last one, until there is a result', async () => {
    const { lease } = (await taking.take(group))!;
    const keep = async (text: string, token = lease.token) => {
      const upload = await store.upload(Buffer.from(text));
      const record = { ...upload, worker: 'w', nextStep: 1, place: 'simulated', at: new Date().toISOString() } as const;
      return store.keepCheckpoint({ ...lease, token }, record);
    };
    expect([await keep('one'), await keep('two'), await keep('three', 'of another worker')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(Buffer.from(await store.download((await store.checkpoint(job))!)).toString()).toBe('two');
    expect(await blobs()).toBe(1);
    await store.publish(lease, await resultRecord('done'));
    expect([await store.checkpoint(job), await blobs()]).toEqual([undefined, 1]);
  });
});

it('a worker that was cut off before it could take a cell takes it once it is back', async () => {
  const own = await FleetStore.open(queueAddress(redis.url, {}));
  const late = new TakingQueues(own, LOCK_MS);
  own.redis.disconnect();
  await expect(late.take(group)).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' });
  await own.redis.connect();
  const { job: taken, lease } = (await late.take(group))!;
  // BullMQ answers for a job only through a queue that is ready.
  await taken.moveToCompleted(null, lease.token, false);
  expect(await queues.counts(group)).toEqual({ waiting: 0, active: 0, failed: 0 });
  await late.close();
  own.close();
});

describe('bytes of the store', () => {
  it('travel in pieces and come back whole', async () => {
    const bytes = Buffer.alloc(600_000, 'pieces of it ');
    expect(Buffer.from(await store.download(await store.upload(bytes))).equals(bytes)).toBe(true);
  });

  it('that were changed are refused', async () => {
    const upload = await store.upload(Buffer.from('as they were'));
    await store.redis.set(`priot:blob:${upload.blob}`, 'as they ware');
    await expect(store.download(upload)).rejects.toMatchObject({ code: 'BLOB_DAMAGED' });
  });

  it.each([
    ['no JSON', '{'],
    ['another shape', '{"worker":1}'],
    ['too long', `"${'x'.repeat(70_000)}"`],
  ])('a record that is %s is refused by name', async (_, json) => {
    await store.redis.hset('priot:results', job, json);
    await expect(store.results([job])).rejects.toMatchObject({
      code: 'RECORD_MALFORMED',
      message: expect.stringContaining(`the result of ${job}`),
    });
  });
});

describe('a packed folder', () => {
  const files = new Map([
    ['run.json', Buffer.from('{}')],
    ['metrics.jsonl', Buffer.from('')],
  ]);
  const packed = (list: unknown, bytes = 'x') => {
    const header = Buffer.from(JSON.stringify(list));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(header.length);
    return gzipSync(Buffer.concat([length, header, Buffer.from(bytes)]));
  };

  it('comes out as it went in', () => {
    const out = unpack(pack(files), travellingRunFiles);
    expect([...out].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ['run.json', '{}'],
      ['metrics.jsonl', ''],
    ]);
  });

  it.each([
    ['a file elsewhere', packed([{ name: '../../escape', bytes: 1 }])],
    ['a file with an absolute path', packed([{ name: '/etc/passwd', bytes: 1 }])],
    [
      'a file twice',
      packed([
        { name: 'run.json', bytes: 1 },
        { name: 'run.json', bytes: 0 },
      ]),
    ],
    ['a file that is longer than there is', packed([{ name: 'run.json', bytes: 2 }])],
    ['bytes of no file', packed([{ name: 'run.json', bytes: 0 }])],
    ['a negative length', packed([{ name: 'run.json', bytes: -1 }])],
    ['no list', packed({})],
    ['no compression', Buffer.from('plain')],
    ['nothing in it', gzipSync(Buffer.alloc(0))],
  ])('with %s is refused', (_, bytes) => {
    expect(() => unpack(bytes, travellingRunFiles)).toThrow(expect.objectContaining({ code: 'ARCHIVE_MALFORMED' }));
  });

  it('that would fill the memory is refused', () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    expect(bomb.length).toBeLessThan(2_000);
    expect(() => unpack(bomb, travellingRunFiles, 900_000)).toThrow(
      expect.objectContaining({ code: 'BLOB_TOO_LARGE' }),
    );
  });
});
