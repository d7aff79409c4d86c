/** Some steps of a network on a device, for tests that compare what two kernels, or two places, make of them. */
import type { Link } from '#host/link/link.js';
import type { StepResult } from '#host/link/messages.js';
import type { Network } from '#host/network/network.js';
import { outputCount } from '#host/network/network-shape.js';
import type { MethodSettings, OpenNetworkOptions } from '#host/network/open-network.js';
import { putNetwork } from '#host/training/network-on-device.js';

export type Outcome = Pick<StepResult, 'prediction' | 'lossZero' | 'logits' | 'lossGradient' | 'layers'>;

/** Labels go round. @param state the learned state before the first step */
export async function trainOn(
  link: Link,
  network: Network,
  settings: MethodSettings,
  state: Int8Array,
  images: readonly Uint8Array[],
  options: OpenNetworkOptions,
): Promise<Outcome[]> {
  await putNetwork(link, network, settings, state, options);
  const sessionId = new Uint8Array(8);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = images.map((image, index) => ({ label: index % outputCount(network), image, detail: true }));
  const outcomes: Outcome[] = [];
  for await (const result of link.steps({ sessionId, firstStep: 0 }, frames)) {
    const { prediction, lossZero, logits, lossGradient, layers } = result;
    outcomes.push({ prediction, lossZero, logits, lossGradient, layers });
  }
  return outcomes;
}
