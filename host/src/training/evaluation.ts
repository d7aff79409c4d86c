/** Accuracy of the open network, forward passes only. */
import type { Link } from '../link/link.js';
import type { InputImages } from './input-images.js';

export interface EvaluationCount {
  /** Images evaluated so far. */
  images: number;
  correct: number;
}

/**
 * Evaluates the first `count` images, in order; one count an image, the last one is the result.
 * `frozen`: all edges kept, whatever the learned state. Throws the signal's reason once what was in flight is answered.
 */
export async function* evaluate(
  link: Link,
  images: InputImages,
  count: number,
  options: { frozen: boolean; signal?: AbortSignal | undefined },
): AsyncGenerator<EvaluationCount> {
  const { frozen, signal } = options;
  function* requests() {
    for (let index = 0; index < count; index += 1) yield { index, frozen, image: images.input(index) };
  }
  let done = 0;
  let correct = 0;
  for await (const { prediction } of link.pipeline('evaluate', requests(), { ...(signal && { signal }) })) {
    if (prediction === images.label(done)) correct += 1;
    done += 1;
    yield { images: done, correct };
  }
  if (done < count) signal?.throwIfAborted();
}
