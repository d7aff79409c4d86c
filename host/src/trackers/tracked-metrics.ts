/** The metrics of a run as trackers take them: names, values, and the training step they belong to. Pure. */
import type { RunEvent, StepEvent } from '../runs/events.js';
import type { RunManifest, RunSummary } from '../runs/run-manifest.js';

/** One value of a metric. `step`: training steps done before it was measured. */
export interface TrackedMetric {
  readonly name: string;
  readonly value: number;
  readonly step: number;
}

/** Steps that become one value: a tracker is no place for thirty thousand of them. */
const STEPS_PER_VALUE = 64;

/**
 * Turns the events of a run, one after another, into metrics: accuracy per set of images, training accuracy per epoch;
 * cycles, correct predictions and active steps as means of at most 64 steps; the share of pruned edges and the cycles of
 * each layer; the accounts of memory, cycles and link.
 */
export class TrackedMetrics {
  private steps = 0;
  private group = { steps: 0, correct: 0, active: 0, cycles: 0, counted: 0 };
  private epoch = { number: -1, correct: 0, steps: 0 };

  /** Returns the metrics that an event completes. */
  add(event: RunEvent): TrackedMetric[] {
    switch (event.type) {
      case 'step':
        return this.addStep(event);
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
      case 'scores':
        return event.layers.flatMap(({ name, scored, pruned }) =>
          scored === 0 ? [] : [this.metric(`pruned/${name}`, pruned / scored)],
        );
      case 'layers':
        return event.layers.flatMap(({ name, cycles }) =>
          Object.entries(cycles).map(([phase, mean]) => this.metric(`layers/${name}/${phase}`, mean)),
        );
      case 'guard':
        return [this.metric('guard/kept', event.kept ? 1 : 0)];
      case 'fault':
      case 'confusion':
      case 'mistakes':
        return [];
    }
  }

  private addStep({ epoch, correct, lossZero, cycles }: StepEvent): TrackedMetric[] {
    const done = epoch === this.epoch.number ? [] : this.trained();
    if (epoch !== this.epoch.number) this.epoch = { number: epoch, correct: 0, steps: 0 };
    this.steps += 1;
    this.epoch.steps += 1;
    if (correct) this.epoch.correct += 1;
    const { group } = this;
    group.steps += 1;
    if (correct) group.correct += 1;
    if (!lossZero) group.active += 1;
    if (cycles !== null) {
      group.cycles += cycles;
      group.counted += 1;
    }
    return group.steps < STEPS_PER_VALUE ? done : [...done, ...this.grouped()];
  }

  /** Means of the steps since the last ones. */
  private grouped(): TrackedMetric[] {
    const { steps, correct, active, cycles, counted } = this.group;
    if (steps === 0) return [];
    this.group = { steps: 0, correct: 0, active: 0, cycles: 0, counted: 0 };
    return [
      ...(counted === 0 ? [] : [this.metric('step/cycles', cycles / counted)]),
      this.metric('step/correct', correct / steps),
      this.metric('step/active', active / steps),
    ];
  }

  /** Training accuracy of the epoch that has ended; once. */
  private trained(): TrackedMetric[] {
    const { steps, correct } = this.epoch;
    if (steps === 0) return [];
    this.epoch = { number: this.epoch.number, correct: 0, steps: 0 };
    return [...this.grouped(), this.metric('accuracy/training', correct / steps)];
  }

  private metric(name: string, value: number): TrackedMetric {
    return { name, value, step: this.steps };
  }

  /** What was not measured is no metric; an older priot recorded it as 0. */
  private positive(name: string, value: number | null): TrackedMetric[] {
    return value !== null && value > 0 ? [this.metric(name, value)] : [];
  }
}

/** A setting as a parameter. */
export type Parameter = string | number | boolean;

/** Returns what was asked, and where, as hyperparameters. */
export function trackedSettings({ asked, place }: RunManifest): Record<string, Parameter> {
  const settings: Record<string, Parameter> = {};
  for (const [key, value] of Object.entries(asked) as [string, unknown][]) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') settings[key] = value;
  }
  return { ...settings, place };
}

/** Returns the settings, and on what the run ran, as parameters. */
export function trackedParameters(manifest: RunManifest): Record<string, Parameter> {
  const { firmware, sessionId } = manifest.provenance;
  return { ...trackedSettings(manifest), firmware: firmware.commit, session: sessionId };
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
