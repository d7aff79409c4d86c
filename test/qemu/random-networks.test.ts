/** The Cortex-M0+ kernels against the plain ones on random networks, on a processor model that nobody here wrote. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Link } from '#host/link/link.js';
import type { StepResult } from '#host/link/messages.js';
import type { NetworkLayer } from '#host/network/network.js';
import type { KernelName } from '#host/network/open-network.js';
import { putNetwork, readState } from '#host/training/network-on-device.js';
import { howMany } from '../extent.js';
import { allMethods, randomTraining, startOf } from '../kernels/random-network.js';
import { Reference } from '../kernels/reference.js';
import { trainOn } from '../kernels/train.js';
import { openQemu, whyNoQemu } from './qemu-device.js';
import { type RandomSession, randomSession } from './random-network.js';

const NETWORKS = howMany(240, 80);
const BATCH = 40;
const batches = Array.from({ length: NETWORKS / BATCH }, (_, batch) => batch * BATCH + 1);
const missing = whyNoQemu();
/** Other networks than those of test/kernels. */
const FIRST_SEED = 10_000;
const STEPS = 3;
const METHODS = 4;

/** Layers by what is special about them. */
const seen = new Map<string, number>();

function count(layer: NetworkLayer): void {
  const add = (what: string, is: boolean) => is && seen.set(what, (seen.get(what) ?? 0) + 1);
  add('bias', layer.biasExponent !== undefined);
  add('sum_pool', layer.op === 'sum_pool');
  if (layer.op !== 'conv2d') return;
  const [top, left, bottom, right] = layer.padding;
  add('depthwise', layer.depthwise);
  add('padding on one side', top !== bottom || left !== right);
  add('rectangular kernel', layer.kernel[0] !== layer.kernel[1]);
}

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

  test.skipIf(missing).each(batches)(
    '%i and the following, of all that the arithmetic allows: both kernels agree with the reference, which has none',
    async (first) => {
      for (let seed = first; seed < first + BATCH; seed++) {
        const training = randomTraining(FIRST_SEED + seed, STEPS);
        const { network, images } = training;
        const settings = allMethods(training, seed)[seed % METHODS]!;
        const reference = new Reference(network, settings, startOf(training, settings));
        const expected = images.map((image, step) => reference.step(image, step % reference.classes));
        for (const kernels of ['plain', 'fastest'] as const) {
          const outcomes = await trainOn(link, network, settings, startOf(training, settings), images, { kernels });
          expect(outcomes, `seed ${seed}, ${settings.method}, ${kernels}`).toEqual(expected);
        }
        for (const layer of network.layers) count(layer);
      }
    },
  );

  test.skipIf(missing)('and all there is was among them', () => {
    for (const what of ['depthwise', 'bias', 'sum_pool', 'padding on one side', 'rectangular kernel']) {
      expect(seen.get(what) ?? 0, what).toBeGreaterThan(NETWORKS / 12);
    }
  });

  test.skipIf(missing)('and most of them learn something', () => expect(changed).toBeGreaterThan(NETWORKS / 2));
});
