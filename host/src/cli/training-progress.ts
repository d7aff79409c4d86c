/** Progress of a training session on stderr. */
import type { SessionEvent } from '../training/session.js';
import { Progress } from './progress.js';

/** Turns session events into progress: one bar an epoch, one an evaluation. */
export class TrainingProgress {
  private current: { key: string; progress: Progress } | undefined;
  private seen = 0;
  private correct = 0;
  private lastAccuracy = '';

  constructor(
    private readonly epochs: number,
    private readonly samples: number,
    private readonly quiet: boolean,
  ) {}

  show(event: SessionEvent): void {
    switch (event.type) {
      case 'step': {
        const { epoch, step, correct } = event;
        const done = step - epoch * this.samples + 1;
        const progress = this.progressOf(`epoch ${epoch + 1}/${this.epochs}`, this.samples, done - 1);
        this.seen += 1;
        if (correct) this.correct += 1;
        progress.update(done, `training accuracy ${(this.correct / this.seen).toFixed(3)}${this.lastAccuracy}`);
        break;
      }
      case 'evaluation': {
        const { epoch, images, of, correct } = event;
        const label = epoch < 0 ? 'accuracy before training' : `accuracy after epoch ${epoch + 1}`;
        this.progressOf(label, of, images - 1).update(images, `accuracy ${(correct / images).toFixed(3)}`);
        break;
      }
      case 'epoch':
        if (event.epoch >= 0) this.lastAccuracy = `, test accuracy ${event.accuracy.toFixed(3)}`;
        break;
    }
  }

  finish(): void {
    this.current?.progress.finish();
    this.current = undefined;
  }

  private progressOf(label: string, total: number, doneBefore: number): Progress {
    if (this.current?.key !== label) {
      this.finish();
      this.seen = 0;
      this.correct = 0;
      this.current = { key: label, progress: new Progress(label, total, this.quiet, doneBefore) };
    }
    return this.current.progress;
  }
}
