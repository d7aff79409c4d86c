/** A short training on a device: the steps of a conformance case. */

import { fileURLToPath } from 'node:url';
import type { Link, StepResult } from '#host/link/link.js';
import { loadCase } from '#host/network/conformance-case.js';
import type { OpenNetworkOptions } from '#host/network/open-network.js';
import { putNetwork } from '#host/training/network-on-device.js';
import { sessionIdOf } from '#host/training/session-id.js';

const folderOf = (name: string) => fileURLToPath(new URL(`../conformance/${name}`, import.meta.url));

/** A step's result, and the device's time when the host learnt of it. */
export interface TimedStep {
  readonly result: StepResult;
  readonly logitsMatch: boolean;
  readonly nowMs: number;
}

/** Uploads the network of a conformance case and trains its first `count` steps. */
export async function trainSteps(
  link: Link,
  count: number,
  name = 'priot-45',
  options: OpenNetworkOptions = {},
): Promise<TimedStep[]> {
  const { network, stateInitial, method, threshold, steps, images } = loadCase(folderOf(name));
  const settings = { method, threshold };
  const { signal } = new AbortController();
  await putNetwork(link, network, settings, stateInitial, { ...options, signal });
  const sessionId = sessionIdOf(network, settings, 0, stateInitial);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = steps.slice(0, count).map(({ label }, step) => ({ label, image: images[step]!, detail: true }));
  const timed: TimedStep[] = [];
  for await (const result of link.steps({ sessionId, firstStep: 0 }, frames, { signal })) {
    const logitsMatch = JSON.stringify(result.logits) === JSON.stringify(steps[result.step]!.logits);
    timed.push({ result, logitsMatch, nowMs: link.device.clock.nowMs() });
  }
  return timed;
}
