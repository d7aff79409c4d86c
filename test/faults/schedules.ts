/** Sessions over a faulty line, each with the faults that follow from a seed. */
import { join } from 'node:path';
import type { ImageSet } from '#host/dataset/image-set.js';
import { type Faults, randomFrom } from '#host/device/faulty/faults.js';
import { FaultyPort } from '#host/device/faulty/faulty-port.js';
import type { DeviceSource } from '#host/device/source.js';
import { DeviceError } from '#host/errors.js';
import { Connection } from '#host/link/connection.js';
import { encodeFrame } from '#host/link/frame.js';
import { encodeRequest } from '#host/link/messages.js';
import { loadCase } from '#host/network/conformance-case.js';
import { inputShape, outputCount } from '#host/network/network-shape.js';
import { InputImages } from '#host/training/input-images.js';
import type { TrainingPlan, TrainingStart } from '#host/training/plan.js';
import { type SessionEvent, TrainingSession } from '#host/training/session.js';
import { stateDigest } from '#host/training/session-id.js';
import type { CheckpointEvent } from '#host/training/session-on-device.js';

/** Small networks, one of each method: what is tested is the way to the device. */
export const CASES = [
  'priot-saturated',
  'priot-s-negate-saturated',
  'niti-static-saturated',
  'niti-dynamic-strided',
] as const;
export type CaseName = (typeof CASES)[number];
const RESTART = encodeFrame(encodeRequest(0xffff_ffff, 'restart', { bootsel: false }));
const never = new AbortController().signal;

/** 64 steps: two epochs of the case's 32 images, the second with narrower steps, so that the network is opened anew. */
export function planOf(name: CaseName): TrainingPlan {
  const { network, method, threshold, mu, scored, stateInitial, images, steps } = loadCase(
    join(import.meta.dirname, '../conformance', name),
  );
  const [height, width, channels] = inputShape(network.layers[0]!) as [number, number, number];
  const set: ImageSet = {
    name,
    count: images.length,
    height,
    width,
    channels,
    classes: outputCount(network),
    pixels: Uint8Array.from(Buffer.concat(images), (pixel) => pixel * 2),
    labels: Uint8Array.from(steps, ({ label }) => label),
  };
  return {
    network,
    settings: { method, threshold, ...(mu !== undefined && { mu }), ...(method === 'priot-s' && { scored }) },
    initialState: stateInitial,
    seed: 1,
    epochs: 2,
    narrowing: [1],
    training: new InputImages(set, 0, images.length, []),
    test: new InputImages(set, 0, images.length, []),
    evalSamples: 4,
    finalSamples: 6,
  };
}

export interface Outcome {
  digest: string;
  /** Everything that must come once, in order: steps without their cycles, evaluations. */
  events: string[];
  /** Losses of the device, by code. */
  faults: string[];
  /** How often all attempts were used up, and the session was taken up by another host at its last checkpoint. */
  resumed: number;
  retries: number;
}

/**
 * Trains to the end, whatever happens. `source`: of the first host, and of each that takes the session up later.
 * `trainingId`: the device keeps checkpoints, too.
 */
export async function train(
  plan: TrainingPlan,
  source: (host: number) => DeviceSource,
  onEvent: (event: SessionEvent) => Promise<void> | undefined = () => undefined,
  trainingId?: Uint8Array,
): Promise<Outcome> {
  const outcome: Outcome = { digest: '', events: [], faults: [], resumed: 0, retries: 0 };
  let saved: CheckpointEvent = { type: 'checkpoint', nextStep: 0, state: plan.initialState };
  for (; ; outcome.resumed++) {
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(source(outcome.resumed));
      const start = startAt(saved, outcome.events);
      const session = await TrainingSession.open(connection, plan, start, undefined, trainingId);
      for await (const event of session.run(never)) {
        record(event, outcome);
        if (event.type === 'checkpoint') saved = event;
        await onEvent(event);
      }
      outcome.digest = stateDigest(saved.state);
      outcome.retries += connection.statistics.retries;
      return outcome;
    } catch (error) {
      if (!(error instanceof DeviceError) || outcome.resumed > 20) throw error;
      outcome.faults.push(`gave up: ${error.message}`);
      // As a run folder does.
      const first = outcome.events.findIndex((text) => Number(text.match(/^step (\d+)/)?.[1] ?? -1) >= saved.nextStep);
      if (first >= 0) outcome.events.length = first;
    } finally {
      await connection?.close();
    }
  }
}

function startAt({ nextStep, state }: CheckpointEvent, events: readonly string[]): TrainingStart {
  const isRecorded = (epoch: number, images: number) =>
    events.some((text) => text.startsWith(`epoch ${epoch}: ${images} `));
  return { nextStep, state, isRecorded, isInitialRecorded: events.some((text) => text.startsWith('initial')) };
}

function record(event: SessionEvent, { events, faults }: Outcome): void {
  if (event.type === 'step') events.push(`step ${event.step}: ${event.prediction} ${event.lossZero}`);
  else if (event.type === 'epoch') events.push(`epoch ${event.epoch}: ${event.images} ${event.correct}`);
  else if (event.type === 'initial') events.push(`initial: ${event.images} ${event.correct}`);
  else if (event.type === 'fault') faults.push(event.code);
}

/** Several kinds of fault, up to some chance each. */
export function schedule(seed: number): { name: CaseName; faults: Faults } {
  const random = randomFrom(seed);
  const chance = (upTo: number) => (random() < 0.6 ? random() * upTo : 0);
  const name = CASES[Math.floor(random() * CASES.length)]!;
  const faults = {
    seed,
    drop: chance(0.08),
    duplicate: chance(0.08),
    flip: chance(0.08),
    truncate: chance(0.08),
    reorder: chance(0.08),
    stall: chance(0.03),
    unplug: chance(0.012),
    reset: chance(0.012),
  };
  return { name, faults };
}

export function faulty(source: DeviceSource, faults: Faults, host: number): DeviceSource {
  return new FaultyPort(source, { ...faults, seed: faults.seed + 1_000_000 * host }, RESTART);
}

/** What an undisturbed session of each case gives. */
export class Undisturbed {
  readonly #outcomes = new Map<CaseName, Promise<Outcome>>();

  constructor(private readonly run: (plan: TrainingPlan) => Promise<Outcome>) {}

  of(name: CaseName): Promise<Outcome> {
    let outcome = this.#outcomes.get(name);
    if (!outcome) {
      outcome = this.run(planOf(name));
      this.#outcomes.set(name, outcome);
    }
    return outcome;
  }
}
