/** Accuracy of the open network, forward passes only. */
import { type Connection, Loss } from '../link/connection.js';
import type { Link } from '../link/link.js';
import type { Network } from '../network/network.js';
import type { MethodSettings } from '../network/open-network.js';
import type { InputImages } from './input-images.js';
import { putNetwork } from './network-on-device.js';

export interface EvaluationCount {
  /** Images evaluated so far. */
  images: number;
  correct: number;
  /** What the last of them was taken for; absent before the first. */
  prediction?: number;
  /** The last layer's int32 accumulators for it; absent where they were not asked for, empty where the firmware tells none. */
  logits?: readonly number[];
}

/**
 * Evaluates the first `count` images, in order; one count per image, the last one is the result. `from`: those that are
 * counted already. `frozen`: all edges kept, whatever the learned state. `logits`: with the
 * logits of each image, at the cost of longer answers. Throws the signal's reason once what was in flight is answered.
 */
export async function* evaluate(
  link: Link,
  images: InputImages,
  count: number,
  options: { frozen: boolean; logits?: boolean; from?: EvaluationCount; signal?: AbortSignal | undefined },
): AsyncGenerator<EvaluationCount> {
  const { frozen, logits = false, from, signal } = options;
  let done = from?.images ?? 0;
  let correct = from?.correct ?? 0;
  const first = done;
  function* requests() {
    for (let index = first; index < count; index += 1) yield { index, frozen, image: images.input(index), logits };
  }
  for await (const answer of link.pipeline('evaluate', requests(), { ...(signal && { signal }) })) {
    const { prediction } = answer;
    if (prediction === images.label(done)) correct += 1;
    done += 1;
    yield { images: done, correct, prediction, ...(logits && { logits: answer.logits }) };
  }
  if (done < count) signal?.throwIfAborted();
}

/** Opens the network and evaluates all `images`, and does so again where it was when the device was lost and is back. */
export async function* evaluatePersistently(
  connection: Connection,
  { network, settings, state }: { network: Network; settings: MethodSettings; state: Int8Array },
  images: InputImages,
  { frozen, signal }: { frozen: boolean; signal: AbortSignal },
): AsyncGenerator<EvaluationCount> {
  let from: EvaluationCount = { images: 0, correct: 0 };
  async function* rest(link: Link): AsyncGenerator<EvaluationCount> {
    if (from.images === images.count) return;
    await putNetwork(link, network, settings, state, { signal });
    yield* evaluate(link, images, images.count, { frozen, from, signal });
  }
  for await (const count of connection.persistently(rest, signal)) {
    if (count instanceof Loss) continue;
    from = count;
    connection.progressed();
    yield count;
  }
}
