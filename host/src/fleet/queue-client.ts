/** The queue's client: BullMQ on Redis. Only this file loads it, and only when a queue is used. */
import type * as BullMq from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { FailedError } from '../errors.js';
import { type QueueAddress, queueVariables } from './queue-address.js';

export type { Redis } from 'ioredis';
export type BullMqModule = typeof BullMq;

/** The packages that a queue needs beside priot, as `npm install` takes them. */
export const queuePackages = ['bullmq@6.7.0', 'ioredis@6.0.0'] as const;

/** What the two packages give. */
export interface QueueClient {
  readonly bullmq: BullMqModule;
  connect(address: QueueAddress): Redis;
}

/** How long the first connection may take, in milliseconds. */
const FIRST_CONNECTION_MS = 10_000;
const RETRY_MS = 250;
const LONGEST_RETRY_MS = 2_000;
/** A command that has no answer for so long means that the connection is dead: another one is made, and it is sent again. */
const SILENCE_MS = 15_000;

/**
 * Loads the client.
 * @throws FailedError QUEUE_CLIENT_MISSING with the command that installs it
 */
export async function loadQueueClient(): Promise<QueueClient> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, connect: (address) => new ioredis.Redis(clientOptions(address)) };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new FailedError(
      'QUEUE_CLIENT_MISSING',
      'a queue needs two packages that priot does without otherwise',
      `npm install ${queuePackages.join(' ')}`,
      { cause },
    );
  }
}

/** Once there was a connection, it is sought for as long as it takes: commands wait meanwhile. */
function clientOptions({ connection }: QueueAddress): Omit<RedisOptions, 'replyMapping'> {
  return {
    ...connection,
    protocol: 2,
    lazyConnect: true,
    maxRetriesPerRequest: null,
    connectTimeout: FIRST_CONNECTION_MS,
    socketTimeout: SILENCE_MS,
    retryStrategy: (times) => Math.min(RETRY_MS * times, LONGEST_RETRY_MS),
  };
}

/**
 * Waits for the first connection.
 * @throws FailedError QUEUE_UNREACHABLE, QUEUE_REFUSED; the signal's reason
 */
export async function firstConnection(redis: Redis, address: QueueAddress, signal?: AbortSignal): Promise<void> {
  let last: Error | undefined;
  redis.on('error', (error: Error) => {
    last = error;
  });
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = () => reject(last ?? new Error('no answer'));
      timer = setTimeout(fail, FIRST_CONNECTION_MS);
      stop = () => reject(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
      redis.on('error', fail);
      redis.connect().then(() => resolve(), reject);
    });
  } catch (error) {
    redis.disconnect();
    if (signal?.aborted) throw signal.reason;
    throw connectionError(error, address);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    // The next ones are told by whoever uses the connection; without a listener they would end the process.
    redis.removeAllListeners('error');
    redis.on('error', () => {});
  }
}

/** Says what went wrong without user and password. */
export function connectionError(error: unknown, { shown, redact }: QueueAddress): FailedError {
  const message = redact(error instanceof Error ? error.message : String(error));
  // The client's error holds the command that failed, with its arguments: it must not travel as a cause.
  if (error instanceof Error && error.name === 'ReplyError') {
    const remedy = /^(NOAUTH|WRONGPASS)/.test(message) ? PASSWORD_REMEDY : 'see docs/fleet.md, "What Redis needs"';
    return new FailedError('QUEUE_REFUSED', `${shown} refuses: ${message}`, remedy);
  }
  const remedy = unreachableRemedy((error as NodeJS.ErrnoException | undefined)?.code ?? '', shown);
  return new FailedError('QUEUE_UNREACHABLE', `cannot reach the queue at ${shown}: ${message}`, remedy);
}

const PASSWORD_REMEDY = `set $${queueVariables.password}, and $${queueVariables.user} where it is not the default user`;

/** Says what to try, by the code of what went wrong on the way. */
function unreachableRemedy(code: string, shown: string): string {
  if (/CERT|UNABLE_TO_VERIFY/.test(code)) {
    return 'NODE_EXTRA_CA_CERTS=FILE names an authority of your own; the certificate must name the host as the address does';
  }
  const encrypted = shown.startsWith('rediss:');
  if (encrypted && /^(EPROTO|ERR_SSL)/.test(code)) return 'does that port take redis:// only?';
  if (!encrypted && code === 'ECONNRESET') return 'does that port take rediss:// only?';
  return 'is Redis running there, and does its firewall let this machine in?';
}
