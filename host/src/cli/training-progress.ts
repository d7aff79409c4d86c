/** Progress of a training session on stderr: a bar for what is under way, a line for every evaluation that is done. */
import type { MemoryPlan } from '../link/messages.js';
import type { EpochEvent } from '../runs/events.js';
import type { SessionEvent, TrainingPlan } from '../training/session.js';
import { totalSteps } from '../training/session.js';
import { planText } from './plan-text.js';
import { duration, milliseconds, Progress, type ProgressOutput } from './progress.js';
import type { RunReporter } from './training-run.js';

export class TrainingProgress implements RunReporter {
  /** Since `begin`. */
  private plan: TrainingPlan | undefined;
  private bar: { label: string; progress: Progress } | undefined;
  /** Of the epoch under way, as far as this process trained it. */
  private steps = 0;
  private correct = 0;
  private trainingMs = 0;
  private lastStepMs: number | undefined;

  constructor(
    private readonly quiet: boolean,
    private readonly output: ProgressOutput = process.stderr,
  ) {}

  readonly notice = (text: string): void => {
    this.end();
    this.output.write(`${text}\n`);
  };

  begin(plan: TrainingPlan, memory: MemoryPlan): void {
    this.plan = plan;
    if (!this.quiet) this.output.write(`${planText(memory)}\n`);
  }

  show(event: SessionEvent): void {
    switch (event.type) {
      case 'step': {
        const { epoch, step, correct } = event;
        const plan = this.plan!;
        const progress = this.barOf(`epoch ${epoch + 1}/${plan.epochs}`, totalSteps(plan), step);
        this.countStep(correct);
        progress.update(step + 1, `training accuracy ${(this.correct / this.steps).toFixed(3)}`);
        break;
      }
      case 'evaluation': {
        const { images, of, correct } = event;
        this.barOf('evaluation', of, images - 1).update(images, `accuracy ${(correct / images).toFixed(3)}`);
        break;
      }
      case 'fault':
        this.end();
        this.output.write(`device: ${event.message}\n`);
        break;
      case 'epoch':
        this.end();
        if (!this.quiet) this.output.write(`${this.epochLine(event)}\n`);
        break;
    }
  }

  /** Takes the bar off the terminal. */
  end(): void {
    this.bar?.progress.finish();
    this.bar = undefined;
    this.lastStepMs = undefined;
  }

  private countStep(correct: boolean): void {
    const nowMs = performance.now();
    if (this.lastStepMs !== undefined) this.trainingMs += nowMs - this.lastStepMs;
    this.lastStepMs = nowMs;
    this.steps += 1;
    if (correct) this.correct += 1;
  }

  private epochLine({ epoch, accuracy, images }: EpochEvent): string {
    const { epochs, training } = this.plan!;
    const tested = `accuracy ${accuracy.toFixed(4)} on ${images} test images`;
    if (epoch < 0) return `before training: ${tested}`;
    const parts = [`epoch ${epoch + 1}/${epochs}: ${tested}`];
    if (this.steps > 0) {
      const stepMs = this.trainingMs / this.steps;
      parts.push(`training accuracy ${(this.correct / this.steps).toFixed(3)}`, `${milliseconds(stepMs)} a step`);
      const left = (epochs - epoch - 1) * training.count * stepMs;
      if (left > 0) parts.push(`${duration(left)} left`);
    }
    this.steps = 0;
    this.correct = 0;
    this.trainingMs = 0;
    return parts.join(', ');
  }

  private barOf(label: string, total: number, doneBefore: number): Progress {
    if (this.bar?.label !== label) {
      this.end();
      this.bar = { label, progress: new Progress(label, total, this.quiet, doneBefore, this.output) };
    }
    return this.bar.progress;
  }
}
