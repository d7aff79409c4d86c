/** Replays a conformance case on a device and names the first thing that differs. */
import { type ErrorDocument, errorDocument } from '../errors.js';
import type { Connection } from '../link/connection.js';
import type { Link } from '../link/link.js';
import type { StepResult } from '../link/messages.js';
import type { CaseStep, ConformanceCase, UnreadableCase } from '../network/conformance-case.js';
import { layerOffsets } from '../network/network-shape.js';
import { hasMethod, type MethodSettings } from '../network/open-network.js';
import { putNetwork, readState } from './network-on-device.js';
import { sessionIdOf } from './session-id.js';

/** Two values that should be equal. Checksums are FNV-1a 32 of the tensor. */
export interface Difference {
  /** 0-based */
  step: number;
  /** null for the logits and the loss gradient of the whole network. */
  layer: string | null;
  /** `logits[3]`, `loss_gradient[0]`, `input`, `delta`, `state`; `state[17]` for an edge of the final state. */
  tensor: string;
  expected: number;
  got: number;
}

export interface CaseVerdict {
  name: string;
  steps: number;
  /** null: not replayed, because the device does not have the method or the case cannot be read. */
  match: boolean | null;
  firstDifference: Difference | null;
  /** Why it was not replayed. */
  skipped?: string;
  /** Why it cannot be read. */
  error?: ErrorDocument['error'];
}

/**
 * Replays one case on the device.
 * @throws what putNetwork and the link throw; the signal's reason
 */
export async function verifyCase(
  link: Link,
  expected: ConformanceCase,
  signal: AbortSignal,
  cores = 1,
): Promise<CaseVerdict> {
  const verdict = { name: expected.name, steps: expected.steps.length };
  if (!hasMethod(link.hello.methods, expected.method)) {
    const skipped = `the device has no method ${expected.method}`;
    return { ...verdict, match: null, firstDifference: null, skipped };
  }
  const firstDifference = await replay(link, expected, signal, cores);
  return { ...verdict, match: firstDifference === null, firstDifference };
}

/** Returns the verdict on a case that cannot be read. */
export function unreadable({ name, error }: UnreadableCase): CaseVerdict {
  return { name, steps: 0, match: null, firstDifference: null, error: errorDocument(error).error };
}

/** Does what `verifyCase` does, from the first step again when the device was lost and is back. */
export async function verifyPersistently(
  connection: Connection,
  expected: ConformanceCase,
  signal: AbortSignal,
  cores = 1,
): Promise<CaseVerdict> {
  const verdict = await connection.untilDone((link) => verifyCase(link, expected, signal, cores), signal);
  connection.progressed();
  return verdict;
}

async function replay(
  link: Link,
  expected: ConformanceCase,
  signal: AbortSignal,
  cores: number,
): Promise<Difference | null> {
  const { network, stateInitial, method, threshold, mu, scored } = expected;
  const settings: MethodSettings = {
    method,
    threshold,
    ...(mu === undefined ? {} : { mu }),
    ...(method === 'priot-s' ? { scored } : {}),
  };
  await putNetwork(link, network, settings, stateInitial, { signal, cores });
  const sessionId = sessionIdOf(network, settings, 0, stateInitial);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = expected.steps.map(({ label }, step) => ({ label, image: expected.images[step]!, detail: true }));
  let difference: Difference | null = null;
  for await (const result of link.steps({ sessionId, firstStep: 0 }, frames, { signal })) {
    // A result that was lost on its way comes again without its details; the steps after it show what it left.
    if (!result.alreadyApplied) difference ??= compareStep(expected, expected.steps[result.step]!, result);
  }
  signal.throwIfAborted();
  return difference ?? compareFinalState(expected, await readState(link, network, settings));
}

/** Compares in the order of computation: inputs forward, logits, loss gradient, deltas backward, states. */
function compareStep(expected: ConformanceCase, step: CaseStep, result: StepResult): Difference | null {
  const { layers } = expected.network;
  const at = { step: result.step, layer: null };
  const checksum = (index: number, tensor: 'input' | 'delta' | 'state'): Difference | null => {
    const got = result.layers[index]?.[tensor] ?? Number.NaN;
    const wanted = step.layers[index]![tensor];
    return got === wanted ? null : { step: result.step, layer: layers[index]!.name, tensor, expected: wanted, got };
  };
  const forward = layers.map((_, index) => index);
  const backward = [...forward].reverse();
  return (
    first(forward, (index) => checksum(index, 'input')) ??
    compareLists(at, 'logits', step.logits, result.logits) ??
    compareLists(at, 'loss_gradient', step.lossGradient, result.lossGradient) ??
    first(backward, (index) => checksum(index, 'delta')) ??
    first(backward, (index) => checksum(index, 'state'))
  );
}

function compareFinalState(expected: ConformanceCase, got: Int8Array): Difference | null {
  const edge = expected.stateFinal.findIndex((value, index) => value !== got[index]);
  if (edge < 0) return null;
  const { network, steps, stateFinal } = expected;
  const offsets = layerOffsets(network);
  const layer = offsets.findLastIndex((offset) => offset <= edge);
  return {
    step: steps.length - 1,
    layer: network.layers[layer]!.name,
    tensor: `state[${edge - offsets[layer]!}]`,
    expected: stateFinal[edge]!,
    got: got[edge]!,
  };
}

function compareLists(
  at: { step: number; layer: null },
  tensor: string,
  expected: readonly number[],
  got: ArrayLike<number>,
): Difference | null {
  const index = expected.findIndex((value, position) => value !== got[position]);
  if (index < 0) return null;
  return { ...at, tensor: `${tensor}[${index}]`, expected: expected[index]!, got: got[index] ?? Number.NaN };
}

function first(indices: readonly number[], compare: (index: number) => Difference | null): Difference | null {
  for (const index of indices) {
    const difference = compare(index);
    if (difference !== null) return difference;
  }
  return null;
}
