/** What a network took images for: the account of one evaluation, in bounded size. */
import type { ConfusionEvent, MistakesEvent } from '../runs/events.js';
import type { InputImages } from './input-images.js';

/** Wrong images that are kept: a page shows as many. */
const MAX_EXAMPLES = 24;

/** Counts predictions by class, and keeps the first images that were predicted wrong. */
export class Predictions {
  private readonly counts: number[][];
  private readonly wrong: { index: number; label: number; prediction: number }[] = [];
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

  /** Takes the prediction of the next image, in order. */
  add(prediction: number): void {
    const index = this.images;
    const label = this.set.label(index);
    this.images += 1;
    this.counts[label]![prediction]! += 1;
    if (prediction !== label && this.wrong.length < MAX_EXAMPLES) this.wrong.push({ index, label, prediction });
  }

  /** Gives the confusion matrix so far. */
  confusion(epoch: number): ConfusionEvent {
    const counts = this.counts.map((row) => [...row]);
    return { type: 'confusion', epoch, images: this.images, imageSet: this.set.name, counts };
  }

  /** Gives the images that were wrong, as the network saw them. */
  mistakes(epoch: number): MistakesEvent {
    const { height, width, channels } = this.set.shape;
    const examples = this.wrong.map((example) => ({
      ...example,
      margin: null,
      pixels: Buffer.from(this.set.input(example.index)).toString('base64'),
    }));
    return { type: 'mistakes', epoch, imageSet: this.set.name, height, width, channels, examples };
  }
}
