/** Puts a network on a device and takes the learned state back. */
import { CapacityError, DeviceError } from '../errors.js';
import type { Link } from '../link/link.js';
import { type HelloReply, type MemoryPlan, TENSOR_CHUNK_BYTES, Tensor } from '../link/messages.js';
import type { Network } from '../network/network.js';
import { edgeCount, imageBytes, largestMap, layerOffsets, outputCount } from '../network/network-shape.js';
import {
  hasMethod,
  type MethodSettings,
  methodNames,
  type OpenNetworkOptions,
  openNetworkRequest,
} from '../network/open-network.js';
import { biasBytes } from '../network/tensor-file.js';
import { travellingElements, travellingState, wholeState } from './scored-state.js';

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
  await uploadWeights(link, network, options.signal);
  const travelling = travellingState(state, settings);
  await upload(link, Tensor.TENSOR_STATE, bytesOf(travelling), options.signal);
  return plan;
}

/**
 * Reads the learned state of the open network: int8, one byte per edge, canonical order.
 * @param settings that it was opened with
 */
export async function readState(
  link: Link,
  network: Network,
  settings: Pick<MethodSettings, 'scored'>,
): Promise<Int8Array> {
  const elements = travellingElements(edgeCount(network), settings);
  return wholeState(await readTensor(link, Tensor.TENSOR_STATE, elements), settings);
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

function chunks(length: number, first = 0): { offset: number; length: number }[] {
  return Array.from({ length: Math.ceil(length / TENSOR_CHUNK_BYTES) }, (_, index) => {
    const offset = index * TENSOR_CHUNK_BYTES;
    return { offset: first + offset, length: Math.min(TENSOR_CHUNK_BYTES, length - offset) };
  });
}

async function upload(link: Link, tensor: Tensor, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  await write(link, tensor, bytes, chunks(bytes.length), signal);
  await link.request('commitTensor', { tensor });
}

/** Writes layer by layer: a device may keep one layer's weights at a time on their way to flash. */
async function uploadWeights(link: Link, network: Network, signal: AbortSignal | undefined): Promise<void> {
  const bytes = bytesOf(network.weights);
  const offsets = layerOffsets(network);
  for (const [index, { edges }] of network.layers.entries()) {
    await write(link, Tensor.TENSOR_WEIGHTS, bytes, chunks(edges, offsets[index]), signal);
  }
  await link.request('commitTensor', { tensor: Tensor.TENSOR_WEIGHTS });
}

async function write(
  link: Link,
  tensor: Tensor,
  bytes: Uint8Array,
  chunks: readonly { offset: number; length: number }[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const requests = chunks.map(({ offset, length }) => ({
    tensor,
    offset,
    data: bytes.subarray(offset, offset + length),
  }));
  for await (const _ of link.pipeline('writeTensor', requests, { ...(signal && { signal }) }));
  signal?.throwIfAborted();
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
