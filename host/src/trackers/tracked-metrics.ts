/** The metrics of a run as trackers take them: names, values, and the training step they belong to. Pure. */
import type { RunEvent } from '../runs/events.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';

/** One value of a metric. `step`: training steps done before it was measured. */
export interface TrackedMetric {
  readonly name: string;
  readonly value: number;
  readonly step: number;
}

/** Steps whose cycles become one value: a tracker is no place for thirty thousand of them. */
const STEPS_PER_VALUE = 64;

/**
 * Turns the events of a run, one after another, into metrics: accuracy per set of images, training accuracy per epoch,
 * mean cycles of every 64 steps, and the accounts of memory, cycles and link.
 */
export class TrackedMetrics {
  private steps = 0;
  private cycles = { sum: 0, count: 0 };
  private epoch = { number: -1, correct: 0, steps: 0 };

  /** Returns the metrics that an event completes. */
  add(event: RunEvent): TrackedMetric[] {
    switch (event.type) {
      case 'step':
        return this.addStep(event.epoch, event.correct, event.cycles);
      case 'epoch':
        return [...this.trained(), this.metric(`accuracy/${event.imageSet}`, event.accuracy)];
      case 'initial':
        return [this.metric('accuracy/initial scores', event.accuracy)];
      case 'source':
        return [...this.trained(), this.metric(`accuracy/${event.imageSet}`, event.accuracy)];
      case 'memory':
        return [
          ...this.positive('memory/sramTotal', event.sramTotal),
          ...this.positive('memory/static', event.static),
          ...this.positive('memory/stackHighWater', event.stackHighWater),
          ...Object.entries(event.arena).map(([name, bytes]) => this.metric(`memory/arena/${name}`, bytes)),
          ...this.positive('memory/flash', event.flash),
        ];
      case 'cycles': {
        const { type: _, epoch: __, ...values } = event;
        return Object.entries(values).map(([name, value]) => this.metric(`cycles/${name}`, value));
      }
      case 'link': {
        const { type: _, ...values } = event;
        return Object.entries(values).map(([name, value]) => this.metric(`link/${name}`, value));
      }
      default:
        return [];
    }
  }

  private addStep(epoch: number, correct: boolean, cycles: number | null): TrackedMetric[] {
    const done = epoch === this.epoch.number ? [] : this.trained();
    if (epoch !== this.epoch.number) this.epoch = { number: epoch, correct: 0, steps: 0 };
    this.steps += 1;
    this.epoch.steps += 1;
    if (correct) this.epoch.correct += 1;
    if (cycles === null) return done;
    this.cycles.sum += cycles;
    this.cycles.count += 1;
    if (this.cycles.count < STEPS_PER_VALUE) return done;
    const mean = this.cycles.sum / this.cycles.count;
    this.cycles = { sum: 0, count: 0 };
    return [...done, this.metric('step/cycles', mean)];
  }

  /** Training accuracy of the epoch that has ended; once. */
  private trained(): TrackedMetric[] {
    const { steps, correct } = this.epoch;
    if (steps === 0) return [];
    this.epoch = { number: this.epoch.number, correct: 0, steps: 0 };
    return [this.metric('accuracy/training', correct / steps)];
  }

  private metric(name: string, value: number): TrackedMetric {
    return { name, value, step: this.steps };
  }

  /** What was not measured is no metric; an older priot recorded it as 0. */
  private positive(name: string, value: number | null): TrackedMetric[] {
    return value !== null && value > 0 ? [this.metric(name, value)] : [];
  }
}

/** Returns what was asked, and on what it ran, as parameters. */
export function trackedParameters({
  asked,
  place,
  provenance,
}: RunManifest): Record<string, string | number | boolean> {
  const parameters: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(asked) as [string, unknown][]) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') parameters[key] = value;
  }
  return { ...parameters, place, firmware: provenance.firmware.commit, session: provenance.sessionId };
}

/** Returns the numbers of a run's result. */
export function trackedResult({
  accuracy,
  cyclesPerStep,
  wallSeconds,
  deviceIdleShare,
  steps,
}: RunSummary): Record<string, number> {
  return {
    'result/accuracyBefore': accuracy.before,
    'result/accuracyAfter': accuracy.after,
    'result/accuracyBest': accuracy.best,
    'result/steps': steps,
    'result/wallSeconds': wallSeconds,
    ...(cyclesPerStep === null ? {} : { 'result/cyclesPerStep': cyclesPerStep.mean }),
    ...(deviceIdleShare === null ? {} : { 'result/deviceIdleShare': deviceIdleShare }),
  };
}
