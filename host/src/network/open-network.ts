/** The OpenNetwork request of a network and a training method. */
import { DataError } from '../errors.js';
import {
  BelowThreshold,
  Kernels,
  LayerOperation,
  type LayerRequest,
  Method,
  type RequestBody,
} from '../link/messages.js';
import type { LayerShifts, MethodName, Network, NetworkLayer } from './network.js';
import { inputShape, outputShape } from './network-shape.js';

export type KernelName = 'fastest' | 'plain' | 'dense';

/** How a network is trained, apart from its shifts. */
export interface MethodSettings {
  readonly method: MethodName;
  /** priot, priot-s: edges whose score is below are pruned. -128..127 */
  readonly threshold: number;
  /** niti-dynamic: bit width of a step. */
  readonly mu?: number;
  /** priot-s: 0 or 1 per edge, canonical order. */
  readonly scored?: Uint8Array;
}

export interface OpenNetworkOptions {
  readonly kernels?: KernelName;
  /** How many cores train; 2: the second helps where there is room for what it needs. Left out: 1. */
  readonly cores?: number;
  /** The most bytes of the device's arena to plan with; left out: all of it. */
  readonly memoryLimitBytes?: number;
}

const methods: Record<MethodName, Method> = {
  priot: Method.METHOD_PRIOT,
  'priot-s': Method.METHOD_PRIOT_S,
  'niti-static': Method.METHOD_NITI_STATIC,
  'niti-dynamic': Method.METHOD_NITI_DYNAMIC,
};
const operations: Record<NetworkLayer['op'], LayerOperation> = {
  conv2d: LayerOperation.LAYER_OPERATION_CONV2D,
  linear: LayerOperation.LAYER_OPERATION_LINEAR,
  sum_pool: LayerOperation.LAYER_OPERATION_SUM_POOL,
};
const kernels: Record<KernelName, Kernels> = {
  fastest: Kernels.KERNELS_FASTEST,
  plain: Kernels.KERNELS_PLAIN,
  dense: Kernels.KERNELS_DENSE,
};
const noShifts: LayerShifts = { activation: 0, error: 0 };

/** Tells whether `method` is in the bit set of Hello. */
export function hasMethod(methodBits: number, method: MethodName): boolean {
  return ((methodBits >>> methods[method]) & 1) === 1;
}

/** Returns the methods in the bit set of Hello. */
export function methodNames(methodBits: number): MethodName[] {
  return (Object.keys(methods) as MethodName[]).filter((method) => hasMethod(methodBits, method));
}

/** Throws DataError NETWORK_NOT_CALIBRATED when a shift that the method needs is missing. */
export function openNetworkRequest(
  network: Network,
  settings: MethodSettings,
  options: OpenNetworkOptions = {},
): RequestBody<'openNetwork'> {
  let offset = 0;
  return {
    method: methods[settings.method],
    threshold: settings.threshold,
    mu: settings.mu ?? 0,
    inputExponent: network.inputExponent,
    lossShift: network.lossShift,
    kernels: kernels[options.kernels ?? 'fastest'],
    memoryLimitBytes: options.memoryLimitBytes ?? 0,
    cores: options.cores ?? 1,
    layers: network.layers.map((layer) => {
      const scored = settings.scored?.subarray(offset, offset + layer.edges);
      offset += layer.edges;
      return layerMessage(layer, settings.method, scored);
    }),
  };
}

function layerMessage(layer: NetworkLayer, method: MethodName, scored: Uint8Array | undefined): LayerRequest {
  const [inHeight, inWidth, inChannels] = inputShape(layer);
  const shifts = method === 'niti-dynamic' ? noShifts : neededShifts(layer, method);
  return {
    operation: operations[layer.op],
    inHeight,
    inWidth,
    inChannels,
    outChannels: outputShape(layer)[2],
    ...(layer.op === 'conv2d'
      ? {
          kernel: layer.kernel[0],
          kernelColumns: layer.kernel[1],
          stride: layer.stride[0],
          strideColumns: layer.stride[1],
          padding: layer.padding[0],
          paddingLeft: layer.padding[1],
          paddingBottom: layer.padding[2],
          paddingRight: layer.padding[3],
          depthwise: layer.depthwise,
          pool: layer.pool,
        }
      : {}),
    relu: layer.relu,
    weightExponent: layer.weightExponent,
    bias: layer.biasExponent !== undefined,
    biasExponent: layer.biasExponent ?? 0,
    belowThreshold:
      layer.belowThreshold === 'negate' ? BelowThreshold.BELOW_THRESHOLD_NEGATE : BelowThreshold.BELOW_THRESHOLD_ZERO,
    activationShift: shifts.activation,
    errorShift: shifts.error ?? 0,
    updateShift: updateShift(shifts, method) ?? 0,
    scoredEdges: scored?.reduce((sum, flag) => sum + flag, 0) ?? 0,
  };
}

function updateShift(shifts: LayerShifts, method: MethodName): number | undefined {
  return method === 'niti-static' ? shifts.gradient : shifts.score;
}

function neededShifts(layer: NetworkLayer, method: MethodName): LayerShifts {
  const shifts = layer.shifts;
  const learns = layer.op !== 'sum_pool';
  if (shifts === undefined || (learns && updateShift(shifts, method) === undefined)) {
    const missing = shifts === undefined ? 'shifts' : method === 'niti-static' ? 'gradient shift' : 'score shift';
    throw new DataError(
      'NETWORK_NOT_CALIBRATED',
      `layer ${layer.name} has no ${missing}, which ${method} needs`,
      'choose them from images: priot train --calibrate transfer, or for good: priot calibrate',
    );
  }
  return shifts;
}
