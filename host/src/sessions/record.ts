/** Runs a session to its end and writes it into its run folder. */
import { existsSync } from 'node:fs';
import { command } from '../command.js';
import { DataError, DeviceError, InterruptedError } from '../errors.js';
import type { Connection } from '../link/connection.js';
import type { RunEvent } from '../runs/events.js';
import { type RunFolder, readCheckpoint, readManifest } from '../runs/run-folder.js';
import type { RunSummary } from '../runs/run-manifest.js';
import { type RunMetrics, summariseMetrics } from '../runs/run-metrics.js';
import { bytesOf } from '../training/network-on-device.js';
import { type TrainingPlan, type TrainingStart, totalSteps } from '../training/plan.js';
import type { TrainingSession } from '../training/session.js';
import { stateDigest } from '../training/session-id.js';
import type { TrainEvent } from './events.js';
import type { Tracking } from './tracking.js';

/** A session that is open on a device, and the folder it is written into. */
export interface OpenRun {
  readonly plan: TrainingPlan;
  readonly start: TrainingStart;
  readonly connection: Connection;
  readonly session: TrainingSession;
  readonly folder: RunFolder;
  /** Trackers that are told of everything the folder is. */
  readonly tracking: Tracking;
}

/**
 * Trains to the end. Whatever ends it before, the folder is left so that the run can be gone on with.
 * @throws InterruptedError that says how to go on; what session and folder throw
 */
export async function record(
  run: OpenRun,
  signal: AbortSignal,
  onEvent: (event: TrainEvent) => void,
): Promise<RunSummary> {
  const { folder, session, plan, start, tracking } = run;
  const startedMs = performance.now();
  const secondsBefore = lastWallSeconds(folder.events());
  const wallSeconds = () => secondsBefore + (performance.now() - startedMs) / 1000;
  let learned = start.state;
  const save = (nextStep: number, state: Int8Array) => {
    folder.writeCheckpoint({ nextStep, sessionId: session.sessionId, state: bytesOf(state) });
    learned = state;
  };
  let deviceCheckpoint: RunSummary['deviceCheckpoint'];
  try {
    save(start.nextStep, start.state);
    for await (const event of session.run(signal)) {
      if (event.type === 'link') event.wallSeconds = wallSeconds();
      onEvent(event);
      if (event.type === 'checkpoint') save(event.nextStep, event.state);
      else if (event.type === 'device-checkpoint') {
        deviceCheckpoint = { nextStep: event.nextStep, sequence: event.sequence };
      } else if (event.type !== 'evaluation') {
        folder.append(event);
        tracking.add(event);
      }
    }
    const metrics = summariseMetrics(folder.events());
    const summary = {
      ...summaryOf(run, metrics, learned, wallSeconds()),
      ...(deviceCheckpoint && { deviceCheckpoint }),
    };
    folder.finish(summary);
    tracking.finish(summary);
    return summary;
  } catch (error) {
    throw withWayOn(error, folder.path, totalSteps(plan), onEvent);
  }
}

/**
 * Gives the error to throw in place of `error`: it says how to go on, and tells what is saved as the disk has it now, whatever
 * was meant to be written.
 */
function withWayOn(error: unknown, path: string, steps: number, onEvent: (event: TrainEvent) => void): unknown {
  const tell = (text: string) => onEvent({ type: 'notice', warning: true, text });
  const nextStep = savedStep(path);
  if (nextStep === undefined) {
    if (!existsSync(path)) {
      return new DataError('RUN_GONE', `the run folder ${path} was removed while the run went on`, undefined, {
        cause: error,
      });
    }
    tell(`no step of this run is saved in ${path}`);
    return error;
  }
  const resume = command('train', { resume: path });
  const saved = `saved before step ${nextStep} of ${steps}`;
  if (error instanceof InterruptedError) return new InterruptedError(`interrupted; ${saved}`, resume);
  tell(`${saved}; to go on: ${resume}`);
  if (error instanceof DeviceError) return new DeviceError(error.code, error.message, resume, { cause: error.cause });
  return error;
}

/** The step before which a run is saved; undefined when it cannot be gone on with. */
function savedStep(path: string): number | undefined {
  try {
    readManifest(path);
    return readCheckpoint(path)?.nextStep;
  } catch {
    return undefined;
  }
}

function summaryOf(
  { plan, folder, connection }: OpenRun,
  metrics: RunMetrics,
  state: Int8Array,
  wallSeconds: number,
): RunSummary {
  const final = metrics.accuracy.find((curve) => curve.images === plan.finalSamples);
  const epochs = metrics.accuracy.find((curve) => curve.images === plan.evalSamples);
  const after = final?.epochs.at(-1);
  if (final?.before == null || after === undefined || epochs?.best == null) {
    throw new DataError('METRICS_INCOMPLETE', `${folder.path} lacks an evaluation`, 'repeat the run with --from-run');
  }
  return {
    run: folder.path,
    place: connection.link.place,
    method: plan.settings.method,
    steps: metrics.steps,
    accuracy: {
      before: final.before,
      after: after.accuracy,
      best: epochs.best.accuracy,
      images: plan.finalSamples,
      bestImages: plan.evalSamples,
      initial: metrics.initial?.accuracy ?? null,
      source: sourceAccuracy(metrics),
    },
    stateDigest: stateDigest(state),
    cyclesPerStep: metrics.cyclesPerStep,
    deviceIdleShare: idleShare(metrics),
    wallSeconds,
    ...deviceTime(metrics, connection.link.hello.clockHz),
  };
}

/** What the network can do on images that are not shifted, before and after; null where it was not measured. */
function sourceAccuracy({
  source: { before, after },
}: RunMetrics): { before: number; after: number; images: number } | null {
  if (before === null || after === null || before.images !== after.images) return null;
  return { before: before.accuracy, after: after.accuracy, images: after.images };
}

/** Seconds that the earlier parts of the run took; 0 of a new one. */
function lastWallSeconds(events: Iterable<RunEvent>): number {
  let seconds = 0;
  for (const event of events) if (event.type === 'link') seconds = event.wallSeconds ?? seconds;
  return seconds;
}

/** Seconds of the device in its training steps: those it computed, and all. */
function deviceTime(
  { cyclesByEpoch }: RunMetrics,
  clockHz: number,
): { computeSeconds: number | null; deviceSeconds: number | null } {
  if (clockHz === 0 || cyclesByEpoch.length === 0) return { computeSeconds: null, deviceSeconds: null };
  let compute = 0;
  let rest = 0;
  for (const { computeCycles, wireCycles, idleCycles } of cyclesByEpoch) {
    compute += computeCycles;
    rest += wireCycles + idleCycles;
  }
  return { computeSeconds: compute / clockHz, deviceSeconds: (compute + rest) / clockHz };
}

/** The share of the device's time in training steps that it waited for the host. */
function idleShare({ cyclesByEpoch }: RunMetrics): number | null {
  let idle = 0;
  let all = 0;
  for (const { idleCycles, computeCycles, wireCycles } of cyclesByEpoch) {
    idle += idleCycles;
    all += idleCycles + computeCycles + wireCycles;
  }
  return all === 0 ? null : idle / all;
}
