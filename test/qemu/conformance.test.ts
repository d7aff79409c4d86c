/** The conformance cases on a processor model that nobody here wrote. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Connection } from '#host/link/connection.js';
import { Link } from '#host/link/link.js';
import { loadCase } from '#host/network/conformance-case.js';
import { verifyPersistently } from '#host/training/verification.js';
import { openQemu, whyNoQemu } from './qemu-device.js';

const CASES = fileURLToPath(new URL('../conformance', import.meta.url));
const missing = whyNoQemu();

describe(`on QEMU's Cortex-M${missing ? ` (${missing})` : ''}`, () => {
  let connection: Connection;
  beforeAll(async () => {
    if (!missing) connection = Connection.over(await Link.open(openQemu()));
  });
  afterAll(() => connection?.close());

  test.skipIf(missing).each(readdirSync(CASES))('%s: every step as recorded', async (name) => {
    const verdict = await verifyPersistently(connection, loadCase(`${CASES}/${name}`), AbortSignal.timeout(600_000));
    expect(verdict).toMatchObject({ match: true, firstDifference: null });
    expect(verdict.steps).toBeGreaterThan(0);
  });
});
