import { describe, expect, it } from 'vitest';
import { queueAddress } from '#host/fleet/queue-address.js';
import { callCli } from '../cli/run-cli.js';
import { RedisServer } from './redis-server.js';

describe('the address of a queue', () => {
  it('is taken apart, and user and password stay out of what is shown', () => {
    const { connection, shown, redact } = queueAddress('rediss://ada:s%2Fcret@queue.example:7000/3', {});
    expect(connection).toEqual({
      ...{ host: 'queue.example', port: 7000, db: 3, username: 'ada', password: 's/cret' },
      tls: { servername: 'queue.example' },
    });
    expect(shown).toBe('rediss://queue.example:7000/3');
    expect(redact('ada:s%2Fcret and s/cret')).toBe('***:*** and ***');
  });

  it('and its user and password may come from the environment', () => {
    const environment = { PRIOT_QUEUE: 'redis://[::1]', PRIOT_QUEUE_USER: 'ada', PRIOT_QUEUE_PASSWORD: 'secret' };
    const { connection, shown } = queueAddress(undefined, environment);
    expect(connection).toEqual({ host: '::1', port: 6379, db: 0, username: 'ada', password: 'secret' });
    expect(shown).toBe('redis://[::1]:6379/0');
  });

  it('that is a number is no name to ask for when the connection is encrypted', () => {
    expect(queueAddress('rediss://192.0.2.10', {}).connection.tls).toEqual({});
    expect(queueAddress('rediss://[::1]', {}).connection.tls).toEqual({});
  });

  it.each([
    ['none', undefined],
    ['of another kind', 'http://u:secret@host'],
    ['without a host', 'redis://'],
    ['with a path', 'redis://u:secret@host/a'],
    ['with a query', 'redis://u:secret@host/0?password=secret'],
    ['with a broken escape', 'redis://u:secret%@host'],
    ['no address', 'u:secret@host:port'],
  ])('%s is refused without what may be secret', (_, address) => {
    const refusal = expect.objectContaining({
      code: 'QUEUE_ADDRESS_REFUSED',
      message: expect.not.stringMatching('secret'),
    });
    expect(() => queueAddress(address, {})).toThrow(refusal);
  });
});

it('no command prints user or password, whatever goes wrong', async () => {
  const redis = await RedisServer.start({ password: 'right-secret' });
  try {
    const host = `127.0.0.1:${redis.port}`;
    const addresses = [
      `redis://user-secret:wrong-secret@${host}`,
      `redis://:wrong-secret@${host}`,
      'redis://user-secret:wrong-secret@127.0.0.1:1/0',
      'http://user-secret:wrong-secret@host',
    ];
    const results = await Promise.all(addresses.map((queue) => callCli(['fleet', '--queue', queue, '--json'])));
    const environment = { PRIOT_QUEUE: `redis://${host}`, PRIOT_QUEUE_PASSWORD: 'wrong-secret' };
    results.push(await callCli(['worker'], { env: environment }));
    expect(results.map(({ status }) => status)).toEqual([1, 1, 1, 2, 1]);
    expect(results.map(({ stdout, stderr }) => stdout + stderr).join('')).not.toContain('secret');
    const [refused, , unreachable] = results.map(({ stdout }) =>
      stdout === '' ? null : JSON.parse(stdout).error.code,
    );
    expect([refused, unreachable]).toEqual(['QUEUE_REFUSED', 'QUEUE_UNREACHABLE']);
    const right = { PRIOT_QUEUE: `redis://${host}`, PRIOT_QUEUE_PASSWORD: 'right-secret' };
    expect(await callCli(['fleet'], { env: right })).toMatchObject({ status: 0, stderr: '' });
  } finally {
    await redis.remove();
  }
});
