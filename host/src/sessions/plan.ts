/** Says what a network would need of a device with each method, before anything is trained. */
import type { Place } from '../device/place.js';
import { type ArenaAccount, arenaOf } from '../link/memory-account.js';
import { loadOutline } from '../network/layers-file.js';
import type { MethodName, Network } from '../network/network.js';
import { biasCount, edgeCount } from '../network/network-shape.js';
import { type PlanOptions, planOptions } from '../options/network.js';
import { complete } from '../options/option.js';
import { type Fit, fitOf, hasAssumedShifts } from '../training/fit.js';
import type { CommonEvent, Context } from './events.js';
import { openDevice } from './open-device.js';
import { resolveModel } from './package-files.js';

/** One method on one device. Sizes are bytes. */
export interface MethodPlan {
  readonly method: MethodName;
  readonly fits: boolean;
  /** Why it does not fit; null when it does. */
  readonly reason: string | null;
  /** Bytes of the device's memory for networks; null when the network is refused for another reason than memory. */
  readonly requiredBytes: number | null;
  /** The same bytes by purpose. */
  readonly arena: ArenaAccount | null;
  /** Frozen weights that stay in flash. */
  readonly flashBytes: number | null;
  /** Cycles of an active step, estimated by the memory plan; null where the device has no cycle counter. */
  readonly estimatedCycles: number | null;
}

/** One device. */
export interface DevicePlan {
  readonly device: string;
  readonly place: Place;
  /** Hz; null without a cycle counter. */
  readonly clockHz: number | null;
  /** Bytes that there are for a network; null when no plan came back. */
  readonly arenaBytes: number | null;
  readonly methods: readonly MethodPlan[];
}

/** What `priot plan --json` prints. */
export interface PlanDocument {
  readonly network: string;
  readonly layers: number;
  readonly edges: number;
  readonly biases: number;
  /** The network has no static shifts yet, so those of common layers were taken. */
  readonly assumedShifts: boolean;
  readonly devices: readonly DevicePlan[];
}

/**
 * Asks each device for its memory plan of a network. Nothing is trained and no weight is sent.
 * @throws UsageError of the options; DataError of the network; DeviceError; the signal's reason
 */
export async function plan(options: PlanOptions, context: Context<CommonEvent> = {}): Promise<PlanDocument> {
  const given = complete('plan', planOptions, options);
  const path = resolveModel(given.network);
  const { network } = loadOutline(path);
  const devices: DevicePlan[] = [];
  for (const device of given.device) {
    devices.push(await planOn(device, network, given.method, { ...context, memory: given.memory }));
  }
  return {
    network: path,
    layers: network.layers.length,
    edges: edgeCount(network),
    biases: biasCount(network),
    assumedShifts: hasAssumedShifts(network),
    devices,
  };
}

/** Asks one device for its plans, method by method. @throws DeviceError; the signal's reason */
export async function planOn(
  device: string,
  network: Network,
  methods: readonly MethodName[],
  { memory, ...context }: Context<CommonEvent> & { memory?: number | undefined } = {},
): Promise<DevicePlan> {
  const connection = await openDevice({ device }, context);
  try {
    const { link } = connection;
    const clockHz = link.hello.clockHz > 0 ? link.hello.clockHz : null;
    const fits: Fit[] = [];
    for (const method of methods) {
      context.signal?.throwIfAborted();
      fits.push(await fitOf(link, network, method, memory));
    }
    return {
      device: link.device.description.name,
      place: link.place,
      clockHz,
      arenaBytes: fits.find((fit) => fit.plan !== null)?.plan?.arenaBytes ?? null,
      methods: fits.map((fit) => methodPlan(fit, clockHz !== null)),
    };
  } finally {
    await connection.close();
  }
}

function methodPlan({ method, fits, reason, plan }: Fit, hasCycles: boolean): MethodPlan {
  return {
    ...{ method, fits, reason },
    requiredBytes: plan?.requiredBytes ?? null,
    arena: plan && arenaOf(plan),
    flashBytes: plan?.flashBytes ?? null,
    // of a plan that does not fit there is none
    estimatedCycles: plan !== null && fits && hasCycles ? plan.estimatedCycles : null,
  };
}
