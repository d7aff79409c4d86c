/**
 * The guard of the steady variant: whether what a session has learned helps on images of the new surroundings that it
 * did not train on (docs/arithmetic.md, "The steady variant").
 */
import type { GuardEvent } from '../runs/events.js';
import type { EvaluationCount } from './evaluation.js';
import type { InputImages } from './input-images.js';

/** One image in so many is the guard's: the last ones of the training images. */
const TRAINING_IMAGES_PER_GUARD_IMAGE = 10;

/** The score of every edge of the whole network. */
const WHOLE = 127;

/** Returns how many of `samples` training images the guard takes. */
export function guardImages(samples: number): number {
  return Math.floor(samples / TRAINING_IMAGES_PER_GUARD_IMAGE);
}

/**
 * Tells whether the learned network is to be kept. With f and l wrong predictions of the frozen and of the learned
 * network on the same images, it is when f - l is positive and (f - l)^2 is more than f + l: a difference that chance alone
 * seldom makes.
 */
export function isWorthKeeping(frozenWrong: number, learnedWrong: number): boolean {
  const fewer = frozenWrong - learnedWrong;
  return fewer > 0 && fewer * fewer > frozenWrong + learnedWrong;
}

/** Returns the learned state that keeps every edge. */
export function wholeNetwork(edges: number): Int8Array {
  return new Int8Array(edges).fill(WHOLE);
}

/** Tells whether a learned state is that of `wholeNetwork`. */
export function isWholeNetwork(state: Int8Array): boolean {
  return state.every((score) => score === WHOLE);
}

/**
 * Counts the guard's images with the frozen and with the learned network, hands on what happens meanwhile, and decides.
 * @param counts one pass over the images; objects with a `type` are events
 */
export async function* judge<E extends { type: string }>(
  epoch: number,
  images: InputImages,
  counts: (frozen: boolean) => AsyncGenerator<EvaluationCount | E>,
): AsyncGenerator<E | GuardEvent> {
  const correct = { frozen: 0, learned: 0 };
  for (const network of ['frozen', 'learned'] as const) {
    for await (const event of counts(network === 'frozen')) {
      if ('type' in event) yield event;
      else correct[network] = event.correct;
    }
  }
  const kept = isWorthKeeping(images.count - correct.frozen, images.count - correct.learned);
  const { count, name } = images;
  yield { type: 'guard', epoch, images: count, ...correct, kept, imageSet: name };
}
