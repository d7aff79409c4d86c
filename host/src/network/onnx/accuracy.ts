/** The accuracy of a network of real numbers, and whether it was fed as it was trained. */
import type { ImageSet } from '../../dataset/image-set.js';
import { imagePixels } from '../../dataset/image-set.js';
import { FloatForward } from './float-forward.js';
import type { FloatNetwork } from './float-network.js';
import { candidates, fitsChannels, type Normalisation, withNormalisation } from './normalisation.js';

/** Images after which others may have the thread. */
const TURN = 16;

/**
 * Counts the images among the first `count` that a network tells right.
 *
 * @param onProgress is called with images and right ones so far
 * @throws the signal's reason
 */
export async function countCorrect(
  network: FloatNetwork,
  set: ImageSet,
  count: number,
  signal?: AbortSignal,
  onProgress?: (images: number, correct: number) => void,
): Promise<number> {
  const forward = new FloatForward(network);
  let correct = 0;
  for (let index = 0; index < count; index++) {
    if (forward.predict(imagePixels(set, index)) === set.labels[index]) correct++;
    if (index % TURN < TURN - 1) continue;
    onProgress?.(index + 1, correct);
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
  return correct;
}

/** A normalisation that would do better: the options that name it, and shares of the same images. */
export interface BetterNormalisation {
  readonly options: string;
  readonly accuracy: number;
  readonly present: number;
}

/** What makes a difference, and not chance on a few hundred images. */
const CLEARLY_BETTER = 0.03;

/**
 * Looks for a usual normalisation that fits a network clearly better than the present one: nothing in a file says how it was
 * trained.
 *
 * @param bare without normalisation
 * @param count first images that are tried
 */
export async function betterNormalisation(
  bare: FloatNetwork,
  present: Normalisation,
  set: ImageSet,
  count: number,
  signal?: AbortSignal,
): Promise<BetterNormalisation | undefined> {
  const share = async (normalisation: Normalisation): Promise<number> =>
    (await countCorrect(withNormalisation(bare, normalisation), set, count, signal)) / count;
  const now = await share(present);
  let best: BetterNormalisation | undefined;
  for (const { options, normalisation } of candidates) {
    if (!fitsChannels(normalisation, bare.layers[0]!.input[2])) continue;
    const accuracy = await share(normalisation);
    if (accuracy > (best?.accuracy ?? now + CLEARLY_BETTER)) best = { options, accuracy, present: now };
  }
  return best;
}
