/** Puts a network on a device and takes the learned state back. */
import { CapacityError, DeviceError } from '../errors.js';
import type { Link } from '../link/link.js';
import { type HelloReply, type MemoryPlan, TENSOR_CHUNK_BYTES, Tensor } from '../link/messages.js';
import type { Network } from '../network/network.js';
import { edgeCount, imageBytes, largestMap, outputCount } from '../network/network-shape.js';
import {
  hasMethod,
  type MethodSettings,
  methodNames,
  type OpenNetworkOptions,
  openNetworkRequest,
} from '../network/open-network.js';
import { biasBytes } from '../network/tensor-file.js';

/**
 * Opens the network on the device and uploads scored flags, biases, weights and state.
 * @param state int8 learned state, canonical order
 * @throws DeviceError METHOD_NOT_BUILT_IN; CapacityError NETWORK_TOO_LARGE; what the link throws; the signal's reason
 */
export async function putNetwork(
  link: Link,
  network: Network,
  settings: MethodSettings,
  state: Int8Array,
  options: OpenNetworkOptions & { signal?: AbortSignal | undefined } = {},
): Promise<MemoryPlan> {
  checkLimits(link.hello, network, settings);
  const plan = await link.request('openNetwork', openNetworkRequest(network, settings, options));
  if (settings.scored !== undefined) await upload(link, Tensor.TENSOR_SCORED, settings.scored, options.signal);
  if (network.biases !== undefined) await upload(link, Tensor.TENSOR_BIASES, biasBytes(network.biases), options.signal);
  await upload(link, Tensor.TENSOR_WEIGHTS, bytesOf(network.weights), options.signal);
  await upload(link, Tensor.TENSOR_STATE, bytesOf(state), options.signal);
  return plan;
}

/** Reads the learned state of the open network: int8, one byte per edge, canonical order. */
export function readState(link: Link, network: Network): Promise<Int8Array> {
  return readTensor(link, Tensor.TENSOR_STATE, edgeCount(network));
}

/**
 * Reads all `length` elements of a tensor.
 * @throws DeviceError MALFORMED_MESSAGE; what the link throws
 */
export async function readTensor(link: Link, tensor: Tensor, length: number): Promise<Int8Array> {
  const bytes = new Uint8Array(length);
  const requests = chunks(length).map((chunk) => ({ tensor, ...chunk }));
  for await (const { offset, data } of link.pipeline('readTensor', requests)) {
    const expected = Math.min(TENSOR_CHUNK_BYTES, length - offset);
    if (data.length !== expected) {
      throw new DeviceError(
        'MALFORMED_MESSAGE',
        `the device sent ${data.length} bytes of a tensor at ${offset}, not ${expected}`,
        'put the matching firmware on the board: priot flash',
      );
    }
    bytes.set(data, offset);
  }
  return new Int8Array(bytes.buffer);
}

/** Returns the same bytes, unsigned. */
export function bytesOf(values: Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.length);
}

function chunks(length: number): { offset: number; length: number }[] {
  return Array.from({ length: Math.ceil(length / TENSOR_CHUNK_BYTES) }, (_, index) => {
    const offset = index * TENSOR_CHUNK_BYTES;
    return { offset, length: Math.min(TENSOR_CHUNK_BYTES, length - offset) };
  });
}

async function upload(link: Link, tensor: Tensor, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  const requests = chunks(bytes.length).map(({ offset, length }) => ({
    tensor,
    offset,
    data: bytes.subarray(offset, offset + length),
  }));
  for await (const _ of link.pipeline('writeTensor', requests, { ...(signal && { signal }) }));
  signal?.throwIfAborted();
  await link.request('commitTensor', { tensor });
}

/**
 * Checks what Hello says that the device takes.
 * @throws DeviceError METHOD_NOT_BUILT_IN; CapacityError NETWORK_TOO_LARGE
 */
export function checkLimits(hello: HelloReply, network: Network, { method }: MethodSettings): void {
  if (!hasMethod(hello.methods, method)) {
    throw new DeviceError(
      'METHOD_NOT_BUILT_IN',
      `the device's firmware has no method ${method}; it has ${methodNames(hello.methods).join(', ') || 'none'}`,
      'put firmware that has it on the board: priot flash',
    );
  }
  const limits = [
    ['layers', network.layers.length, hello.maxLayers],
    ['classes', outputCount(network), hello.maxOutputs],
    ['bytes per image', imageBytes(network), hello.maxImageBytes],
    ['edges', edgeCount(network), hello.maxEdges],
    ['elements in its largest map', largestMap(network), hello.maxMapElements],
  ] as const;
  for (const [what, needed, allowed] of limits) {
    if (needed > allowed) {
      throw new CapacityError(
        'NETWORK_TOO_LARGE',
        `the network has ${readable(needed)} ${what}; the device takes at most ${readable(allowed)}`,
        'use a smaller network',
      );
    }
  }
}

function readable(count: number): string {
  return count.toLocaleString('en-US');
}
