/** Where a queue is, and what must never be shown of it: user and password. */
import { isIP } from 'node:net';
import { UsageError } from '../errors.js';

/** How to reach Redis, as its client takes it. */
export interface QueueConnection {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  /** Present: the connection is encrypted, and the server's certificate is checked against this name, or else the host. */
  readonly tls?: { readonly servername?: string };
}

/** An address of a queue that was checked. */
export interface QueueAddress {
  /** The address without user and password. */
  readonly shown: string;
  readonly connection: QueueConnection;
  /** Takes user and password out of a text. */
  redact(text: string): string;
}

/** Variables of the environment that say what the address leaves out. */
export const queueVariables = {
  address: 'PRIOT_QUEUE',
  user: 'PRIOT_QUEUE_USER',
  password: 'PRIOT_QUEUE_PASSWORD',
} as const;

const DEFAULT_PORT = 6379;
const REMEDY = 'give redis://HOST:PORT/DATABASE, or rediss:// for an encrypted connection';

/**
 * Reads the address of a queue: `redis://[user:password@]host[:port][/database]`, or `rediss://`.
 * @param given the option; left out: `$PRIOT_QUEUE`
 * @throws UsageError QUEUE_ADDRESS_REFUSED, whose message has no part of the address that may be secret
 */
export function queueAddress(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): QueueAddress {
  const text = given ?? environment[queueVariables.address];
  if (text === undefined || text === '') {
    throw refused('no queue is named', `give --queue redis://HOST, or set $${queueVariables.address}`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused('the address of the queue is no address');
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    // What stands before the colon may be a password that lost the rest of its address.
    throw refused('the address of the queue begins with neither redis:// nor rediss://');
  }
  if (url.hostname === '') throw refused('the address of the queue names no host');
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (database === undefined || url.search !== '' || url.hash !== '') {
    throw refused('the address of the queue has something else than a number of a database behind the host');
  }
  const username = decoded(url.username) || environment[queueVariables.user] || undefined;
  const password = decoded(url.password) || environment[queueVariables.password] || undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const connection: QueueConnection = {
    host,
    port,
    db: Number(database),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    // An address is no name that could be sent: the certificate is checked against it all the same.
    ...(url.protocol === 'rediss:' && { tls: isIP(host) === 0 ? { servername: host } : {} }),
  };
  const secrets = [url.username, url.password, username, password].filter(
    (secret) => secret !== undefined && secret !== '',
  );
  // The longest first: a password may contain the user's name.
  const ordered = [...new Set(secrets as string[])].sort((a, b) => b.length - a.length);
  return {
    shown: `${url.protocol}//${url.hostname}:${port}/${connection.db}`,
    connection,
    redact: (message) => ordered.reduce((rest, secret) => rest.replaceAll(secret, '***'), message),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refused('user or password of the queue hold a % that is no %XX', 'write % as %25, or set them as variables');
  }
}

function refused(message: string, remedy = REMEDY): UsageError {
  return new UsageError('QUEUE_ADDRESS_REFUSED', message, remedy);
}
