/** Digests that name a training session and its learned state. */
import { digest, sha256 } from '../files.js';
import type { Network } from '../network/network.js';
import { networkToJson } from '../network/network-file.js';
import type { MethodSettings } from '../network/open-network.js';
import { biasBytes } from '../network/tensor-file.js';
import { bytesOf } from './network-on-device.js';

/**
 * Computes a session id, 8 bytes: the beginning of SHA-256 over the JSON of method, seed and network (keys in the order
 * written here and in networkToJson; after which epochs steps are narrower, if any), a zero byte, weights, biases if
 * the network has any, scored flags if the method has them, and the initial state.
 */
export function sessionIdOf(
  network: Network,
  settings: MethodSettings,
  seed: number,
  initialState: Int8Array,
  narrowing?: readonly number[],
): Uint8Array {
  const { method, threshold, mu, scored } = settings;
  const description = JSON.stringify({
    ...{ method, threshold, mu: mu ?? null, seed, network: networkToJson(network) },
    ...(narrowing && { narrowing }),
  });
  const parts = [
    ...[description, Uint8Array.of(0), bytesOf(network.weights)],
    ...(network.biases === undefined ? [] : [biasBytes(network.biases)]),
    ...(scored === undefined ? [] : [scored]),
    bytesOf(initialState),
  ];
  return Uint8Array.from(digest(...parts).subarray(0, 8));
}

/** Computes the hexadecimal SHA-256 over the learned state, one byte per edge, canonical order. */
export function stateDigest(state: Int8Array): string {
  return sha256(bytesOf(state));
}
