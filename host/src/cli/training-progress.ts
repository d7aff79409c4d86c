/** Progress of a training session on stderr: a bar for what is under way, a line for every evaluation that is done. */
import type { EpochEvent, GuardEvent, MemoryEvent } from '../runs/events.js';
import type { PlanEvent, TrainEvent } from '../sessions/events.js';
import type { Display } from './display.js';
import { duration, milliseconds } from './progress.js';
import { oneLine } from './terminal.js';
import { sparkline } from './text/graphs.js';
import { planText } from './text/memory-plan.js';

/** Points of the curve beside an epoch's line. */
const MOST_POINTS = 24;

/** How long something repeated takes, from the times at which it is done. */
class Pace {
  private spentMs = 0;
  private count = 0;
  private lastMs: number | undefined;

  constructor(private readonly nowMs: () => number) {}

  /** Counts one more as done; what came between this and the last one was this kind of work. */
  done(): void {
    const nowMs = this.nowMs();
    if (this.lastMs !== undefined) {
      this.spentMs += nowMs - this.lastMs;
      this.count += 1;
    }
    this.lastMs = nowMs;
  }

  /** Other work begins. */
  pause(): void {
    this.lastMs = undefined;
  }

  /** Mean milliseconds of one; undefined before the second. */
  get eachMs(): number | undefined {
    return this.count === 0 ? undefined : this.spentMs / this.count;
  }
}

/** Shows a session as it goes. */
export class TrainingProgress {
  /** The last memory event. */
  memory: MemoryEvent | null = null;
  /** Known since the session was planned. */
  private plan: PlanEvent | undefined;
  /** Steps of the epoch under way, as far as this process trained it. */
  private steps = 0;
  private correct = 0;
  private cycles = 0;
  private clockHz = 0;
  /** Accuracies on the images of the epochs, in order. */
  private readonly accuracies: number[] = [];
  private readonly training: Pace;
  private readonly evaluation: Pace;

  /**
   * Begins to measure.
   * @param nowMs real milliseconds: progress is about the user's time
   */
  constructor(
    private readonly display: Display,
    nowMs: () => number = () => performance.now(),
  ) {
    this.training = new Pace(nowMs);
    this.evaluation = new Pace(nowMs);
  }

  readonly show = (event: TrainEvent): void => {
    const { display } = this;
    if (event.type !== 'step') this.training.pause();
    if (event.type !== 'evaluation') this.evaluation.pause();
    switch (event.type) {
      case 'run':
        display.line(`run folder ${oneLine(event.run)}`);
        break;
      case 'plan':
        this.plan = event;
        if (!display.quiet) display.line(planText(event.memory));
        break;
      case 'device':
        this.clockHz = event.clockHz;
        display.show(event);
        break;
      case 'step': {
        const { epoch, step, correct, cycles } = event;
        const { epochs, samples } = this.plan!;
        this.training.done();
        this.steps += 1;
        this.cycles += cycles ?? 0;
        if (correct) this.correct += 1;
        const accuracy = `training accuracy ${(this.correct / this.steps).toFixed(3)}`;
        display.progress(`epoch ${epoch + 1}/${epochs}`, step + 1, epochs * samples, accuracy);
        break;
      }
      case 'evaluation': {
        const { images, of, correct } = event;
        this.evaluation.done();
        display.progress('evaluation', images, of, `accuracy ${(correct / images).toFixed(3)}`);
        break;
      }
      case 'tracking':
        display.warn(oneLine(event.text));
        break;
      case 'fault':
        display.warn(`device: ${oneLine(event.message)}`);
        break;
      case 'epoch':
        display.end();
        if (!display.quiet) display.line(this.epochLine(event));
        break;
      case 'initial':
        display.end();
        if (!display.quiet) display.line(`with initial scores: accuracy ${accuracyOn(event)}`);
        break;
      case 'guard':
        display.end();
        if (!display.quiet) display.line(guardLine(event));
        break;
      case 'source':
        display.end();
        if (!display.quiet) {
          display.line(
            `${event.epoch < 0 ? 'before' : 'after'} training, unshifted images: accuracy ${accuracyOn(event)}`,
          );
        }
        break;
      case 'memory':
        this.memory = event;
        break;
      case 'cycles':
      case 'link':
      case 'scores':
      case 'confusion':
      case 'mistakes':
      case 'layers':
      case 'checkpoint':
      case 'device-checkpoint':
        break;
      default:
        display.show(event);
    }
  };

  private epochLine(event: EpochEvent): string {
    const { epochs, evalSamples } = this.plan!;
    const { epoch, images, accuracy } = event;
    if (images === evalSamples) this.accuracies.push(accuracy);
    if (epoch < 0) return `before training: accuracy ${accuracyOn(event)}`;
    if (images !== evalSamples) return `after training: accuracy ${accuracyOn(event)}`;
    const parts = [`epoch ${epoch + 1}/${epochs}: accuracy ${accuracy.toFixed(4)}`];
    if (this.steps > 0) {
      parts.push(`training ${(this.correct / this.steps).toFixed(3)}`, this.stepTime());
      const leftMs = this.leftMs(epoch);
      if (leftMs > 0) parts.push(`${duration(leftMs)} left`);
    }
    this.steps = 0;
    this.correct = 0;
    this.cycles = 0;
    return this.withCurve(parts.join(', '));
  }

  /** The line with the accuracies so far as a curve, the last ones that have room; on a terminal only. */
  private withCurve(line: string): string {
    const room = (this.display.columns ?? 0) - line.length - 3;
    const shown = this.accuracies.slice(-Math.min(room, MOST_POINTS));
    return room < 2 || shown.length < 2 ? line : `${line}  ${sparkline(shown)}`;
  }

  /** The device's time where it counts cycles, else this computer's. */
  private stepTime(): string {
    const ms = this.clockHz > 0 ? (this.cycles / this.steps / this.clockHz) * 1000 : (this.training.eachMs ?? 0);
    return `${milliseconds(ms)} per step`;
  }

  /** What is left after an epoch: its steps and its evaluations, at the pace so far. */
  private leftMs(epoch: number): number {
    const { epochs, samples, evalEvery, evalSamples, finalSamples } = this.plan!;
    const left = epochs - epoch - 1;
    const evaluations = Math.floor((epochs - 1) / evalEvery) - Math.floor((epoch + 1) / evalEvery);
    // the pass after the last epoch counts the first images on its way to all of them
    const images = left === 0 ? Math.max(0, finalSamples - evalSamples) : evaluations * evalSamples + finalSamples;
    return left * samples * (this.training.eachMs ?? 0) + images * (this.evaluation.eachMs ?? 0);
  }
}

function accuracyOn({ accuracy, images }: { accuracy: number; images: number }): string {
  return `${accuracy.toFixed(4)} on ${images.toLocaleString('en')} test images`;
}

function guardLine({ images, frozen, learned, kept }: GuardEvent): string {
  const counts = `${learned} of ${images} images that were left out are right, ${frozen} with the frozen network`;
  return kept ? `what was learned is kept: ${counts}` : `what was learned is dropped: ${counts}`;
}
