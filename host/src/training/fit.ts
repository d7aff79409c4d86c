/** Whether a network fits a device with a method, and what it would cost, without any weight sent. */
import { CapacityError, DataError, DeviceError } from '../errors.js';
import { PlanDoesNotFitError } from '../link/failures.js';
import type { Link } from '../link/link.js';
import type { MemoryPlan } from '../link/messages.js';
import type { MethodName, Network } from '../network/network.js';
import { openNetworkRequest } from '../network/open-network.js';
import { completeMethodRequest, setUpMethod } from './method-request.js';
import { checkLimits } from './network-on-device.js';

/** What a device says to a network and a method. */
export interface Fit {
  readonly method: MethodName;
  readonly fits: boolean;
  /** Why it does not; null when it fits. */
  readonly reason: string | null;
  /** The plan, or what the smallest one needs; null when the device refuses the network for another reason than memory. */
  readonly plan: MemoryPlan | null;
}

/** Tells whether a network that takes part in a plan gets assumed shifts. */
export function hasAssumedShifts(network: Network): boolean {
  return network.layers.some((layer) => layer.shifts === undefined);
}

/**
 * Returns the network with shifts in every layer: its own, or where it has none such as calibration often chooses. They
 * decide nothing of a plan but the rounding constants in the bounds of sums. An activation shift takes back what the
 * weights' exponent is, so that activations keep their scale; the logits get a wider one.
 */
export function withAssumedShifts(network: Network): Network {
  const last = network.layers.length - 1;
  const layers = network.layers.map((layer, index) => {
    const activation = Math.min(30, Math.max(0, -layer.weightExponent + (index === last ? 5 : 0)));
    const error = index === 0 ? {} : { error: 8 };
    const learned = layer.op === 'sum_pool' ? {} : { score: 16, gradient: 10 };
    return { ...layer, shifts: { activation, ...error, ...learned, ...layer.shifts } };
  });
  return { ...network, layers };
}

/**
 * Asks a device for its memory plan with the defaults of a method.
 * @throws what the link throws, refusals of the network aside
 */
export async function fitOf(link: Link, network: Network, method: MethodName, memoryLimitBytes = 0): Promise<Fit> {
  const request = completeMethodRequest({ method }, network);
  const setup = setUpMethod(request, withAssumedShifts(network), 0);
  try {
    checkLimits(link.hello, setup.network, setup.settings);
    const body = openNetworkRequest(setup.network, setup.settings, { memoryLimitBytes });
    return { method, fits: true, reason: null, plan: await link.request('openNetwork', body) };
  } catch (error) {
    if (error instanceof PlanDoesNotFitError) return { method, fits: false, reason: error.message, plan: error.plan };
    const refused =
      error instanceof CapacityError ||
      (error instanceof DataError && error.code === 'BAD_NETWORK') ||
      (error instanceof DeviceError && error.code === 'METHOD_NOT_BUILT_IN');
    if (!refused) throw error;
    return { method, fits: false, reason: error.message, plan: null };
  }
}
