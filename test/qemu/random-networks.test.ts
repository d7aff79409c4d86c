/** The Cortex-M0+ kernels against the plain ones on random networks, on a processor model that nobody here wrote. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Link } from '#host/link/link.js';
import type { StepResult } from '#host/link/messages.js';
import type { KernelName } from '#host/network/open-network.js';
import { putNetwork, readState } from '#host/training/network-on-device.js';
import { openQemu, whyNoQemu } from './qemu-device.js';
import { type RandomSession, randomSession } from './random-network.js';

const NETWORKS = 240;
const BATCH = 40;
const batches = Array.from({ length: NETWORKS / BATCH }, (_, batch) => batch * BATCH + 1);
const missing = whyNoQemu();

async function train(link: Link, session: RandomSession, kernels: KernelName) {
  const { network, method, threshold, mu, scored, state, images, labels } = session;
  const settings = { method, threshold, mu, ...(method === 'priot-s' && { scored }) };
  const { fastKernels } = await putNetwork(link, network, settings, state, { kernels });
  const sessionId = new Uint8Array(8);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = images.map((image, step) => ({ label: labels[step]!, image, detail: true }));
  const results: StepResult[] = [];
  for await (const result of link.steps({ sessionId, firstStep: 0 }, frames)) results.push(result);
  return { fastKernels, results, state: await readState(link, network, settings) };
}

describe(`random networks on QEMU's Cortex-M${missing ? ` (${missing})` : ''}`, () => {
  let link: Link;
  let changed = 0;
  beforeAll(async () => {
    if (!missing) link = await Link.open(openQemu());
  });
  afterAll(() => link?.close());

  test.skipIf(missing).each(batches)(
    '%i and the following: fast kernels and plain ones agree in every step',
    async (first) => {
      for (let seed = first; seed < first + BATCH; seed++) {
        const session = randomSession(seed);
        const plain = await train(link, session, 'plain');
        const fast = await train(link, session, 'fastest');
        expect([plain.fastKernels, fast.fastKernels]).toEqual([false, true]);
        expect(fast.results, `seed ${seed}, ${session.method}`).toEqual(plain.results);
        expect(fast.state, `state of seed ${seed}`).toEqual(plain.state);
        if (Buffer.compare(Buffer.from(plain.state), Buffer.from(session.state)) !== 0) changed++;
      }
    },
  );

  test.skipIf(missing)('and most of them learn something', () => expect(changed).toBeGreaterThan(NETWORKS / 2));
});
