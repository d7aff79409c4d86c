/** What a network took images for: the account of one evaluation, in bounded size. */
import type { ConfusionEvent, MistakesEvent } from '../runs/events.js';
import type { InputImages } from './input-images.js';

/** Wrong images that are kept: a page shows as many. */
const MAX_EXAMPLES = 24;

interface WrongImage {
  index: number;
  label: number;
  prediction: number;
  /** Logit of the prediction less that of the label; null where the device told no logits. */
  margin: number | null;
}

/**
 * Counts predictions by class, and keeps the images that were predicted wrong by the largest margins; the first ones
 * where margins are equal or not known.
 */
export class Predictions {
  private readonly counts: number[][];
  /** Largest margin first. */
  private readonly wrong: WrongImage[] = [];
  private images = 0;

  /**
   * Makes an empty count.
   * @param classes outputs of the network
   */
  constructor(
    private readonly set: InputImages,
    classes: number,
  ) {
    this.counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  }

  /**
   * Takes the prediction of the next image, in order.
   * @param logits the last layer's accumulators for it, one per class; absent or empty where the device told none
   */
  add(prediction: number, logits: readonly number[] = []): void {
    const index = this.images;
    const label = this.set.label(index);
    this.images += 1;
    this.counts[label]![prediction]! += 1;
    if (prediction === label) return;
    const told = logits.length > Math.max(prediction, label);
    this.keep({ index, label, prediction, margin: told ? logits[prediction]! - logits[label]! : null });
  }

  private keep(image: WrongImage): void {
    const marginOf = ({ margin }: WrongImage) => margin ?? 0;
    const behind = this.wrong.findIndex((kept) => marginOf(kept) < marginOf(image));
    this.wrong.splice(behind < 0 ? this.wrong.length : behind, 0, image);
    if (this.wrong.length > MAX_EXAMPLES) this.wrong.pop();
  }

  /** Gives the confusion matrix so far. */
  confusion(epoch: number): ConfusionEvent {
    const counts = this.counts.map((row) => [...row]);
    return { type: 'confusion', epoch, images: this.images, imageSet: this.set.name, counts };
  }

  /** Gives the images that were wrong, as the network saw them, the largest margin first. */
  mistakes(epoch: number): MistakesEvent {
    const { height, width, channels } = this.set.shape;
    const examples = this.wrong.map((example) => ({
      ...example,
      pixels: Buffer.from(this.set.input(example.index)).toString('base64'),
    }));
    return { type: 'mistakes', epoch, imageSet: this.set.name, height, width, channels, examples };
  }
}
