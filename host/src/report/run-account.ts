/** What a page shows of one run, gathered from its events one by one, in memory that does not grow with its steps. */
import type { FaultEvent, LinkEvent, RunEvent } from '../runs/events.js';
import { type RunMetrics, summariseMetrics } from '../runs/run-metrics.js';
import { AdaptiveHistogram, type Bucket, BucketedSeries, type HistogramBin } from './step-series.js';

/** Points of a series of steps that a plot shows, at most twice as many. */
const SERIES_POINTS = 200;
const HISTOGRAM_BINS = 60;
/** Events that are not steps, of which a run has a few per epoch; beyond this many the rest only counts. */
const MAX_EVENTS = 20_000;

/** Training steps of one epoch. `correct`: predictions, made before the update, that were the label. */
export interface TrainedEpoch {
  /** Counted from 0. */
  readonly epoch: number;
  readonly steps: number;
  readonly correct: number;
  readonly active: number;
}

/** Gathers events; feed it all of them in order, then or meanwhile read its views. */
export class RunAccount {
  private readonly series = new BucketedSeries(SERIES_POINTS);
  private readonly histogram = new AdaptiveHistogram(HISTOGRAM_BINS);
  private readonly trained = new Map<number, { steps: number; correct: number; active: number }>();
  private readonly others: RunEvent[] = [];
  private readonly faultList: FaultEvent[] = [];
  private readonly links: { afterStep: number; event: LinkEvent }[] = [];
  private stepCount = 0;
  private activeCount = 0;
  private dropped = 0;

  /** Takes the next event of the run. */
  add(event: RunEvent): void {
    if (event.type === 'step') {
      this.stepCount += 1;
      if (!event.lossZero) this.activeCount += 1;
      if (event.cycles !== null) {
        this.series.add(event.step, event.cycles);
        this.histogram.add(event.cycles);
      }
      const epoch = this.trained.get(event.epoch) ?? { steps: 0, correct: 0, active: 0 };
      epoch.steps += 1;
      if (event.correct) epoch.correct += 1;
      if (!event.lossZero) epoch.active += 1;
      this.trained.set(event.epoch, epoch);
      return;
    }
    if (this.others.length >= MAX_EVENTS) {
      this.dropped += 1;
      return;
    }
    if (event.type === 'fault') this.faultList.push(event);
    if (event.type === 'link') this.links.push({ afterStep: this.stepCount, event });
    this.others.push(event);
  }

  /** Returns accuracy curves, cycles by epoch, memory, link and faults; its counts of steps are those of all events. */
  metrics(): RunMetrics {
    return { ...summariseMetrics(this.others), steps: this.stepCount, activeSteps: this.activeCount };
  }

  /** Returns the events that are not steps, in order. */
  events(): readonly RunEvent[] {
    return this.others;
  }

  /** Returns training accuracy by epoch, ascending. */
  trainedEpochs(): TrainedEpoch[] {
    return [...this.trained.entries()].sort(([a], [b]) => a - b).map(([epoch, counts]) => ({ epoch, ...counts }));
  }

  /** Returns compute cycles over the steps; empty without a cycle counter. */
  cyclesOverSteps(): readonly Bucket[] {
    return this.series.values();
  }

  /** Returns how many steps took how many compute cycles; empty without a cycle counter. */
  cycleHistogram(): HistogramBin[] {
    return this.histogram.bins();
  }

  /** Returns the link's account at each of its events, with the number of steps done before. */
  linkOverSteps(): readonly { readonly afterStep: number; readonly event: LinkEvent }[] {
    return this.links;
  }

  /** Returns faults in the order in which they happened. */
  faults(): readonly FaultEvent[] {
    return this.faultList;
  }

  /** Returns how many events were left out because there were too many. */
  droppedEvents(): number {
    return this.dropped;
  }
}
