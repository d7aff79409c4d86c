/** Measures one method with one set of kernels on a device. */
import type { Link } from '../link/link.js';
import type { DeviceStatistics, MemoryPlan, StepResult } from '../link/messages.js';
import type { KernelName } from '../network/open-network.js';
import type { MethodSetup } from '../training/method-request.js';
import { putNetwork, readState } from '../training/network-on-device.js';
import { sessionIdOf, stateDigest } from '../training/session-id.js';
import type { LabelledImage } from './workload.js';

export interface MeasurementOptions {
  readonly kernels: KernelName;
  /** Steps before the measured ones; the network is opened anew after them. */
  readonly warmUpImages: readonly LabelledImage[];
  readonly repeats: number;
  /** The most bytes of the device's arena to plan with; left out: all of it. */
  readonly memoryLimitBytes?: number | undefined;
  /** How many cores train; left out: 1. */
  readonly cores?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the plan before the first step. */
  readonly onPlan?: ((plan: MemoryPlan) => void) | undefined;
  readonly onStep?: (() => void) | undefined;
}

export interface Measurement {
  /** Each repeat's steps, from the initial state on. */
  readonly repeats: readonly (readonly StepResult[])[];
  readonly plan: MemoryPlan;
  /** The device's marks after the last step. The high-water marks are those of everything since the device's start. */
  readonly statistics: DeviceStatistics;
  /** SHA-256 of the learned state after the last step of a repeat. It is the same in all of them. */
  readonly stateDigest: string;
  /** Seconds that the steps alone took, by the host's clock. */
  readonly wallSeconds: number;
}

/**
 * Runs warm-up and repeats of one method with one set of kernels.
 * @throws what the link throws; the signal's reason
 */
export async function measure(
  link: Link,
  setup: MethodSetup,
  images: readonly LabelledImage[],
  options: MeasurementOptions,
): Promise<Measurement> {
  const { kernels, memoryLimitBytes, cores = 1, signal } = options;
  const { network, settings, initialState } = setup;
  const sessionId = sessionIdOf(network, settings, 0, initialState);
  let wallMs = 0;

  const open = async () => {
    const plan = await putNetwork(link, network, settings, initialState, {
      kernels,
      cores,
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      signal,
    });
    await link.request('startSession', { sessionId, nextStep: 0 });
    return plan;
  };
  const run = async (steps: readonly LabelledImage[]) => {
    const results: StepResult[] = [];
    const frames = steps.map((step) => ({ ...step, ledger: true }));
    const startMs = performance.now();
    for await (const result of link.steps({ sessionId, firstStep: 0 }, frames, { ...(signal && { signal }) })) {
      results.push(result);
      options.onStep?.();
    }
    wallMs += performance.now() - startMs;
    signal?.throwIfAborted();
    return results;
  };

  if (options.warmUpImages.length > 0) {
    await open();
    await run(options.warmUpImages);
    wallMs = 0;
  }
  const repeats: StepResult[][] = [];
  let plan!: MemoryPlan;
  for (let repeat = 0; repeat < options.repeats; repeat += 1) {
    plan = await open();
    if (repeat === 0) options.onPlan?.(plan);
    repeats.push(await run(images));
  }
  const digest = stateDigest(await readState(link, network, settings));
  const statistics = await link.request('readStatistics', {});
  return { repeats, plan, statistics, stateDigest: digest, wallSeconds: wallMs / 1000 };
}
