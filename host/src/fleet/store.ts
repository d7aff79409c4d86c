/** The queue's store: what workers and sweeps leave for each other in Redis, beside BullMQ's own keys (docs/fleet.md). */
import { randomUUID } from 'node:crypto';
import { CapacityError, DataError } from '../errors.js';
import { sha256 } from '../files.js';
import type { Check } from '../json-shape.js';
import type { QueueAddress } from './queue-address.js';
import { connectionError, firstConnection, loadQueueClient, type QueueClient, type Redis } from './queue-client.js';
import {
  type BlobReference,
  type CheckpointRecord,
  checkBlob,
  checkCheckpoint,
  checkFailure,
  checkNeeds,
  checkResult,
  checkWorker,
  type FailureRecord,
  MAX_BLOB_BYTES,
  type Needs,
  parseRecord,
  type ResultRecord,
  type WorkerRecord,
} from './records.js';
import { BEAT, CHECKPOINT, FAIL, HOLD, PUBLISH } from './store-scripts.js';

const keys = {
  groups: 'priot:groups',
  networks: 'priot:networks',
  results: 'priot:results',
  checkpoints: 'priot:checkpoints',
  failures: 'priot:failures',
  changes: 'priot:changes',
  arrivals: 'priot:arrivals',
  workers: 'priot:workers',
  about: 'priot:workers:about',
  blobs: 'priot:blob:',
  queues: 'priot:queue',
} as const;

/** Bytes of a blob that travel at once. */
const PIECE_BYTES = 256 * 1024;
/** A blob that no record came to point at goes by itself, after so many milliseconds. */
const UNCOMMITTED_MS = 3_600_000;
/** A worker that was silent for so long is forgotten; one that is silent for SILENT_MS counts as gone. */
const FORGOTTEN_MS = 3_600_000;
export const SILENT_MS = 20_000;
/** Fields that are asked for at once. */
const FIELDS_AT_ONCE = 2_000;
/** Most groups of cells that a worker looks at. */
const MAX_GROUPS = 1_000;

/** The lock of a cell that a worker holds. */
export interface Lease {
  readonly group: string;
  readonly job: string;
  /** Known to its holder alone: who has it may write about the cell. */
  readonly token: string;
}

/** Bytes that are in the store, and that no record points at yet. */
export type Upload = BlobReference;

/** What a worker has told, and how long ago. */
export interface SeenWorker {
  readonly record: WorkerRecord;
  readonly silentMs: number;
}

export type Publication = 'published' | 'there' | 'lost' | 'incomplete';

/** A connection to the store. While Redis is away every call waits; `close` ends them. */
export class FleetStore {
  private constructor(
    readonly address: QueueAddress,
    readonly client: QueueClient,
    readonly redis: Redis,
  ) {}

  /** Connects. @throws FailedError QUEUE_CLIENT_MISSING, QUEUE_UNREACHABLE, QUEUE_REFUSED; the signal's reason */
  static async open(address: QueueAddress, signal?: AbortSignal): Promise<FleetStore> {
    const client = await loadQueueClient();
    const redis = client.connect(address);
    await firstConnection(redis, address, signal);
    return new FleetStore(address, client, redis);
  }

  /** Ends the connection, and every call that waits. */
  close(): void {
    this.redis.disconnect();
  }

  /** What BullMQ's objects are made with. */
  get queueOptions() {
    return { connection: this.redis, prefix: keys.queues, skipVersionCheck: true };
  }

  /** Says what is wrong with the settings of this Redis for work that must not be lost. */
  async complaints(): Promise<string[]> {
    // Who may not ask is told nothing.
    const info = await this.redis.info().catch(() => '');
    const setting = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
    const found: string[] = [];
    const policy = setting('maxmemory_policy');
    if (policy !== undefined && policy !== 'noeviction') {
      found.push(`Redis may throw cells away: set maxmemory-policy noeviction (it is ${policy})`);
    }
    if (setting('aof_enabled') === '0') found.push('Redis forgets cells when it ends: set appendonly yes');
    return found;
  }

  /** Makes a group known. */
  async addGroup(group: string, needs: Needs): Promise<void> {
    await this.ask(this.redis.hset(keys.groups, group, JSON.stringify(needs)));
  }

  /** Has workers look at the queue at once: cells have come. */
  async announce(): Promise<void> {
    await this.ask(this.redis.incr(keys.arrivals));
  }

  /** Counts how often cells have come. */
  async arrivals(): Promise<string> {
    return (await this.ask(this.redis.get(keys.arrivals))) ?? '0';
  }

  /** Reads all groups; those that cannot be read are left out. */
  async groups(): Promise<Map<string, Needs>> {
    const found = new Map<string, Needs>();
    for (const [group, json] of Object.entries(await this.ask(this.redis.hgetall(keys.groups))).slice(0, MAX_GROUPS)) {
      if (!/^[0-9a-f]{16}$/.test(group)) continue;
      const needs = readable(() => parseRecord(checkNeeds, json, `the group ${group}`));
      if (needs !== undefined) found.set(group, needs);
    }
    return found;
  }

  /** Puts a network there unless it is there already. */
  async addNetwork(digest: string, packed: Uint8Array): Promise<void> {
    if ((await this.ask(this.redis.hexists(keys.networks, digest))) === 1) return;
    const blob = await this.upload(packed);
    await this.ask(
      this.redis
        .multi()
        .persist(keys.blobs + blob.blob)
        .hset(keys.networks, digest, JSON.stringify(blob))
        .exec(),
    );
  }

  /** Fetches a network. @throws DataError NETWORK_NOT_QUEUED, BLOB_DAMAGED */
  async network(digest: string): Promise<Uint8Array> {
    const json = await this.ask(this.redis.hget(keys.networks, digest));
    if (json === null) {
      throw new DataError('NETWORK_NOT_QUEUED', `the network ${digest} of a cell is not in the store`);
    }
    const bytes = await this.download(parseRecord(checkBlob, json, `the network ${digest}`));
    if (sha256(bytes) !== digest) throw damaged(`the network ${digest}`);
    return bytes;
  }

  /** Uploads bytes that a record will point at. @throws CapacityError BLOB_TOO_LARGE */
  async upload(bytes: Uint8Array): Promise<Upload> {
    if (bytes.length === 0 || bytes.length > MAX_BLOB_BYTES) {
      throw new CapacityError(
        'BLOB_TOO_LARGE',
        `${bytes.length} bytes are more than the store takes: ${MAX_BLOB_BYTES}`,
      );
    }
    const blob = randomUUID().replaceAll('-', '');
    const key = keys.blobs + blob;
    // Written at its place, so that a piece that is sent again after a cut does no harm.
    const sent: Promise<unknown>[] = [];
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, bytes.length - at);
      sent.push(this.redis.setrange(key, at, Buffer.from(bytes.buffer, bytes.byteOffset + at, length)));
      if (at === 0) sent.push(this.redis.pexpire(key, UNCOMMITTED_MS));
    }
    await this.ask(Promise.all(sent));
    return { blob, bytes: bytes.length, sha256: sha256(bytes) };
  }

  /** Fetches the bytes of a record. @throws DataError BLOB_DAMAGED */
  async download({ blob, bytes, sha256: expected }: BlobReference): Promise<Uint8Array> {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      const end = Math.min(at + PIECE_BYTES, bytes) - 1;
      pieces.push(await this.ask(this.redis.getrangeBuffer(keys.blobs + blob, at, end)));
    }
    const whole = Buffer.concat(pieces);
    if (whole.length !== bytes || sha256(whole) !== expected) throw damaged('what the store holds of a cell');
    return whole;
  }

  /** Renews a lease; false: it was lost for good. */
  async hold({ group, job, token }: Lease, milliseconds: number): Promise<boolean> {
    const at = (name: string) => `${keys.queues}:${group}:${name}`;
    return (
      (await this.script(HOLD, [at(`${job}:lock`), at('active'), at('stalled')], [token, job, milliseconds])) === 1
    );
  }

  /** Makes an upload the last checkpoint of the cell; false: the lease is lost. */
  async keepCheckpoint({ group, job, token }: Lease, record: CheckpointRecord): Promise<boolean> {
    const where = [lockKey(group, job), keys.checkpoints, keys.blobs + record.blob];
    const how = [token, job, JSON.stringify(record), record.bytes, keys.blobs, record.blob];
    return (await this.script(CHECKPOINT, where, how)) === 1;
  }

  /** Reads the last checkpoint of a cell. @throws DataError RECORD_MALFORMED */
  async checkpoint(job: string): Promise<CheckpointRecord | undefined> {
    const json = await this.ask(this.redis.hget(keys.checkpoints, job));
    return json === null ? undefined : parseRecord(checkCheckpoint, json, `the checkpoint of ${job}`);
  }

  /** Publishes a result, once, and as the holder of the lease alone. */
  async publish({ group, job, token }: Lease, record: ResultRecord): Promise<Publication> {
    const where = [lockKey(group, job), keys.results, keys.checkpoints, keys.failures, keys.changes];
    const how = [token, job, JSON.stringify(record), record.bytes, keys.blobs, record.blob];
    return (await this.script(PUBLISH, [...where, keys.blobs + record.blob], how)) as Publication;
  }

  /** Says why a cell did not end; false: the lease is lost. */
  async fail({ group, job, token }: Lease, record: FailureRecord): Promise<boolean> {
    const where = [lockKey(group, job), keys.failures, keys.changes];
    return (await this.script(FAIL, where, [token, job, JSON.stringify(record)])) === 1;
  }

  /** Takes back why a cell failed: it is tried again. */
  async forgetFailure(job: string): Promise<void> {
    await this.ask(this.redis.multi().hdel(keys.failures, job).incr(keys.changes).exec());
  }

  async hasResult(job: string): Promise<boolean> {
    return (await this.ask(this.redis.hexists(keys.results, job))) === 1;
  }

  /** Counts results and failures: as long as it is the same number, there is nothing new. */
  async changes(): Promise<string> {
    return (await this.ask(this.redis.get(keys.changes))) ?? '0';
  }

  /** Reads the results of those cells that have one. @throws DataError RECORD_MALFORMED */
  results(jobs: readonly string[]): Promise<Map<string, ResultRecord>> {
    return this.fields(keys.results, jobs, checkResult, 'the result of');
  }

  /** Reads why cells failed, of those that did. @throws DataError RECORD_MALFORMED */
  failures(jobs: readonly string[]): Promise<Map<string, FailureRecord>> {
    return this.fields(keys.failures, jobs, checkFailure, 'the failure of');
  }

  /** Reads the last checkpoints of those cells that have one. @throws DataError RECORD_MALFORMED */
  checkpoints(jobs: readonly string[]): Promise<Map<string, CheckpointRecord>> {
    return this.fields(keys.checkpoints, jobs, checkCheckpoint, 'the checkpoint of');
  }

  /** Names the cells that have a result, a failure, or a checkpoint. */
  async recorded(): Promise<{ results: string[]; failures: string[]; checkpoints: string[] }> {
    const [results, failures, checkpoints] = await Promise.all(
      [keys.results, keys.failures, keys.checkpoints].map((key) => this.ask(this.redis.hkeys(key))),
    );
    return { results: results!, failures: failures!, checkpoints: checkpoints! };
  }

  /** Removes the results of cells with what they point at. */
  async forgetResults(records: ReadonlyMap<string, ResultRecord>): Promise<void> {
    for (const [job, { blob }] of records) {
      await this.ask(
        this.redis
          .multi()
          .hdel(keys.results, job)
          .unlink(keys.blobs + blob)
          .exec(),
      );
    }
  }

  /** Tells that a worker lives and what it does. */
  async beat(record: WorkerRecord): Promise<void> {
    await this.script(BEAT, [keys.workers, keys.about], [record.id, JSON.stringify(record), FORGOTTEN_MS]);
  }

  /** Takes a worker out of the list. */
  async leave(id: string): Promise<void> {
    await this.ask(this.redis.multi().zrem(keys.workers, id).hdel(keys.about, id).exec());
  }

  /** Reads what all workers have told; those that cannot be read are left out. */
  async workers(): Promise<SeenWorker[]> {
    const [time, seen, about] = await Promise.all([
      this.ask(this.redis.time()),
      this.ask(this.redis.zrange(keys.workers, '0', String(MAX_GROUPS - 1), 'WITHSCORES')),
      this.ask(this.redis.hgetall(keys.about)),
    ]);
    const nowMs = Number(time[0]) * 1000 + Number(time[1]) / 1000;
    const found: SeenWorker[] = [];
    for (let index = 0; index + 1 < seen.length; index += 2) {
      const json = about[seen[index]!];
      if (json === undefined) continue;
      const record = readable(() => parseRecord(checkWorker, json, `the worker ${seen[index]}`));
      if (record !== undefined) found.push({ record, silentMs: Math.max(0, nowMs - Number(seen[index + 1])) });
    }
    return found.sort((a, b) => (a.record.id < b.record.id ? -1 : 1));
  }

  private async fields<T>(
    key: string,
    jobs: readonly string[],
    check: Check<T>,
    what: string,
  ): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    for (let first = 0; first < jobs.length; first += FIELDS_AT_ONCE) {
      const some = jobs.slice(first, first + FIELDS_AT_ONCE);
      const values = await this.ask(this.redis.hmget(key, ...some));
      values.forEach((json, index) => {
        if (json !== null) found.set(some[index]!, parseRecord(check, json, `${what} ${some[index]}`));
      });
    }
    return found;
  }

  private script(text: string, where: readonly string[], how: readonly (string | number)[]): Promise<unknown> {
    return this.ask(this.redis.eval(text, where.length, ...where, ...how));
  }

  /** Waits for an answer. What Redis refuses is told without the command, which may hold what is secret. */
  async ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw connectionError(error, this.address);
    }
  }
}

function lockKey(group: string, job: string): string {
  return `${keys.queues}:${group}:${job}:lock`;
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

function damaged(what: string): DataError {
  return new DataError('BLOB_DAMAGED', `${what} is not what was put there: its SHA-256 does not match`);
}
