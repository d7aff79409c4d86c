/** `rediss://` with a certificate authority of one's own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { queueAddress } from '#host/fleet/queue-address.js';
import { FleetStore } from '#host/fleet/store.js';
import { runCli } from '../cli/run-cli.js';
import { RedisServer } from './redis-server.js';

let folder: string;
let redis: RedisServer;
const at = (name: string) => join(folder, name);

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'priot-tls-'));
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...fresh, '-keyout', at('ca.key'), '-out', at('ca.crt'), '-subj', '/CN=lab');
  openssl('req', ...fresh, '-keyout', at('key'), '-out', at('request'), '-subj', '/CN=hub');
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1\n');
  const authority = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial'];
  openssl('x509', '-req', '-in', at('request'), ...authority, '-out', at('crt'), '-extfile', at('names'));
  redis = await RedisServer.start({ password: 'sesame', tls: { certificate: at('crt'), key: at('key') } });
});
afterAll(async () => {
  await redis.remove();
  rmSync(folder, { recursive: true });
});

it('a server whose certificate is of an authority that one names is trusted, without a warning', async () => {
  const env = { NODE_EXTRA_CA_CERTS: at('ca.crt'), PRIOT_QUEUE: redis.url, PRIOT_QUEUE_PASSWORD: 'sesame' };
  expect(await runCli(['fleet'], { env })).toMatchObject({ status: 0, stderr: '' });
});

it('others are refused before a password is sent', async () => {
  const address = queueAddress(redis.url, { PRIOT_QUEUE_PASSWORD: 'sesame' });
  const refused = { code: 'QUEUE_UNREACHABLE', remedy: expect.stringMatching(/NODE_EXTRA_CA_CERTS/) };
  await expect(FleetStore.open(address)).rejects.toMatchObject(refused);
});

it('a client that does not encrypt is told so', async () => {
  const address = queueAddress(redis.url.replace('rediss', 'redis'), { PRIOT_QUEUE_PASSWORD: 'sesame' });
  await expect(FleetStore.open(address)).rejects.toMatchObject({ remedy: expect.stringMatching(/rediss/) });
});
