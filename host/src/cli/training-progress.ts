/** Progress of a training session on stderr: a bar for what is under way, a line for every evaluation that is done. */
import type { EpochEvent, MemoryEvent } from '../runs/events.js';
import type { PlanEvent, TrainEvent } from '../sessions/events.js';
import type { Display } from './display.js';
import { planText } from './plan-text.js';
import { duration, milliseconds } from './progress.js';

export class TrainingProgress {
  /** The memory of the last event that had it. */
  memory: MemoryEvent | null = null;
  /** The plan, once the session is planned. */
  private plan: PlanEvent | undefined;
  /** The steps of the epoch under way, as far as this process trained it. */
  private steps = 0;
  private correct = 0;
  private trainingMs = 0;
  private lastStepMs: number | undefined;

  constructor(private readonly display: Display) {}

  readonly show = (event: TrainEvent): void => {
    const { display } = this;
    if (event.type !== 'step') this.lastStepMs = undefined;
    switch (event.type) {
      case 'run':
        display.line(`run folder ${event.run}`);
        break;
      case 'plan':
        this.plan = event;
        if (!display.quiet) display.line(planText(event.memory));
        break;
      case 'step': {
        const { epoch, step, correct } = event;
        const { epochs, samples } = this.plan!;
        this.countStep(correct);
        const accuracy = `training accuracy ${(this.correct / this.steps).toFixed(3)}`;
        display.progress(`epoch ${epoch + 1}/${epochs}`, step + 1, epochs * samples, accuracy);
        break;
      }
      case 'evaluation': {
        const { images, of, correct } = event;
        display.progress('evaluation', images, of, `accuracy ${(correct / images).toFixed(3)}`);
        break;
      }
      case 'fault':
        display.line(`device: ${event.message}`);
        break;
      case 'epoch':
        display.end();
        if (!display.quiet) display.line(this.epochLine(event));
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

  private countStep(correct: boolean): void {
    const nowMs = performance.now();
    if (this.lastStepMs !== undefined) this.trainingMs += nowMs - this.lastStepMs;
    this.lastStepMs = nowMs;
    this.steps += 1;
    if (correct) this.correct += 1;
  }

  private epochLine({ epoch, accuracy, images }: EpochEvent): string {
    const { epochs, samples } = this.plan!;
    const tested = `accuracy ${accuracy.toFixed(4)} on ${images} test images`;
    if (epoch < 0) return `before training: ${tested}`;
    const parts = [`epoch ${epoch + 1}/${epochs}: ${tested}`];
    if (this.steps > 0) {
      const stepMs = this.trainingMs / this.steps;
      parts.push(`training accuracy ${(this.correct / this.steps).toFixed(3)}`, `${milliseconds(stepMs)} a step`);
      const left = (epochs - epoch - 1) * samples * stepMs;
      if (left > 0) parts.push(`${duration(left)} left`);
    }
    this.steps = 0;
    this.correct = 0;
    this.trainingMs = 0;
    return parts.join(', ');
  }
}
