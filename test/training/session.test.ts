import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDataset } from '#host/dataset/dataset.js';
import { shiftsOf } from '#host/dataset/shifts.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { InterruptedError } from '#host/errors.js';
import { Link } from '#host/link/link.js';
import { loadCase } from '#host/network/conformance-case.js';
import { loadNetwork } from '#host/network/network-file.js';
import { drawScores } from '#host/random.js';
import { InputImages } from '#host/training/input-images.js';
import { putNetwork, readState } from '#host/training/network-on-device.js';
import { planSessionId, type TrainingPlan, type TrainingStart } from '#host/training/plan.js';
import { type SessionEvent, TrainingSession } from '#host/training/session.js';
import { sessionIdOf, stateDigest } from '#host/training/session-id.js';

const conformance = join(import.meta.dirname, '../conformance');
const { network } = loadNetwork(join(conformance, 'priot-45'));
const never = new AbortController().signal;

let link: Link;
let plan: TrainingPlan;

beforeAll(async () => {
  link = await Link.open(await openSimulator());
  const { train, test } = await loadDataset('digits');
  plan = {
    network,
    settings: { method: 'priot', threshold: -64 },
    initialState: drawScores(
      network.layers.map((layer) => layer.edges),
      1,
    ),
    seed: 1,
    epochs: 2,
    training: new InputImages(train, 100, 100, shiftsOf(30)),
    test: new InputImages(test, 0, 60, shiftsOf(30)),
    evalSamples: 20,
    finalSamples: 60,
  };
});
afterAll(() => link.close());

/** The same link, to a device whose clock goes on by a second whenever it is read. */
function onHastyClock(): Link {
  let nowMs = 0;
  const clock = {
    nowMs: () => {
      nowMs += 1000;
      return nowMs;
    },
  };
  return {
    device: { clock },
    hello: link.hello,
    statistics: link.statistics,
    request: link.request.bind(link),
    pipeline: link.pipeline.bind(link),
    steps: link.steps.bind(link),
  } as unknown as Link;
}

function beginning(): TrainingStart {
  return { nextStep: 0, state: plan.initialState, isRecorded: () => false, isInitialRecorded: false };
}

async function train(on: Link, start: TrainingStart, signal = never): Promise<SessionEvent[]> {
  const session = await TrainingSession.open(on, plan, start);
  const events: SessionEvent[] = [];
  for await (const event of session.run(signal)) events.push(event);
  return events;
}

function only<T extends SessionEvent['type']>(events: readonly SessionEvent[], type: T) {
  return events.filter((event) => event.type === type) as Extract<SessionEvent, { type: T }>[];
}

describe('a training session', () => {
  let events: SessionEvent[];
  beforeAll(async () => {
    events = await train(link, beginning());
  });

  it('trains every step once, in order', () => {
    const steps = only(events, 'step');
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 200 }, (_, step) => step));
    expect(steps.map(({ epoch }) => epoch)).toEqual(steps.map(({ step }) => Math.floor(step / 100)));
    for (const { correct, prediction, label, cycles } of steps) {
      expect(correct).toBe(prediction === label);
      expect(cycles).toBeNull();
    }
    const labels = (epoch: number) => steps.filter((event) => event.epoch === epoch).map(({ label }) => label);
    expect(labels(0)).not.toEqual(labels(1));
    expect(labels(0).sort()).toEqual(labels(1).sort());
  });

  it('evaluates the frozen network, each epoch, and all test images at both ends', () => {
    expect(only(events, 'epoch').map(({ epoch, images }) => [epoch, images])).toEqual([
      [-1, 20],
      [-1, 60],
      [0, 20],
      [1, 20],
      [1, 60],
    ]);
    for (const { accuracy, correct, images } of only(events, 'epoch')) expect(accuracy).toBe(correct / images);
  });

  it('saves at the end of every epoch, before it evaluates', () => {
    expect(only(events, 'checkpoint').map(({ nextStep }) => nextStep)).toEqual([100, 200]);
    const types = events.map(({ type }) => type).filter((type) => type === 'checkpoint' || type === 'epoch');
    expect(types).toEqual(['epoch', 'epoch', 'checkpoint', 'epoch', 'checkpoint', 'epoch', 'epoch']);
  });

  it('tells of memory at its end', () => {
    // with room for it, a plan keeps the weights as they are and once more with what is pruned set to 0
    expect(events.at(-1)).toMatchObject({ type: 'memory', arena: { weights: 2 * plan.network.weights.length } });
  });

  it('saves within an epoch when 30 s of the device are over, and goes on as if it had not', async () => {
    const hasty = await train(onHastyClock(), beginning());
    const checkpoints = only(hasty, 'checkpoint').map(({ nextStep }) => nextStep);
    expect(checkpoints.length).toBeGreaterThan(6);
    expect(checkpoints).toEqual(expect.arrayContaining([100, 200]));
    expect(only(hasty, 'step')).toEqual(only(events, 'step'));
    expect(only(hasty, 'checkpoint').at(-1)!.state).toEqual(only(events, 'checkpoint').at(-1)!.state);
  });

  it('ends with the same state from every checkpoint', async () => {
    const checkpoints = only(await train(onHastyClock(), beginning()), 'checkpoint');
    for (const { nextStep, state } of checkpoints) {
      const rest = await train(link, { nextStep, state, isRecorded: (epoch) => epoch < 0, isInitialRecorded: false });
      expect(only(rest, 'step')).toEqual(only(events, 'step').slice(nextStep));
      const last = only(rest, 'checkpoint').at(-1)?.state ?? state;
      expect(stateDigest(last)).toBe(stateDigest(only(events, 'checkpoint').at(-1)!.state));
      expect(only(rest, 'epoch').some(({ epoch }) => epoch < 0)).toBe(false);
    }
  });

  it('saves once more when it is interrupted, and then throws the reason', async () => {
    const controller = new AbortController();
    const session = await TrainingSession.open(link, plan, beginning());
    const seen: SessionEvent[] = [];
    const run = async () => {
      for await (const event of session.run(controller.signal)) {
        seen.push(event);
        if (event.type === 'step' && event.step === 30) controller.abort(new InterruptedError('stop'));
      }
    };
    await expect(run()).rejects.toThrow(InterruptedError);
    // after it comes the account of the link, whose seconds the next part of the run goes on from
    expect(seen.at(-1)!.type).toBe('link');
    const { nextStep, state } = only(seen, 'checkpoint').at(-1)!;
    expect(nextStep).toBeGreaterThan(30);
    expect(nextStep).toBe(only(seen, 'step').length);
    const rest = await train(link, { nextStep, state, isRecorded: () => false, isInitialRecorded: false });
    expect(only(rest, 'checkpoint').at(-1)!.state).toEqual(only(events, 'checkpoint').at(-1)!.state);
  });
});

describe('a network on a device', () => {
  it('gives back the state that was uploaded', async () => {
    const { stateInitial } = loadCase(join(conformance, 'priot-negate-45'));
    await putNetwork(link, network, { method: 'priot', threshold: -64 }, stateInitial);
    expect(await readState(link, network, {})).toEqual(stateInitial);
  });

  it('is refused when the device lacks the method or is too small', async () => {
    const lacking = { ...onHastyClock(), hello: { ...link.hello, methods: 0 } } as Link;
    const settings = { method: 'priot', threshold: -64 } as const;
    await expect(putNetwork(lacking, network, settings, plan.initialState)).rejects.toMatchObject({
      code: 'METHOD_NOT_BUILT_IN',
      class: 'device',
    });
    const small = { ...onHastyClock(), hello: { ...link.hello, maxImageBytes: 783 } } as Link;
    await expect(putNetwork(small, network, settings, plan.initialState)).rejects.toThrow(
      /784 bytes per image; the device takes at most 783/,
    );
    await expect(
      putNetwork(link, network, settings, plan.initialState, { memoryLimitBytes: 50_000 }),
    ).rejects.toMatchObject({ code: 'NETWORK_TOO_LARGE', class: 'capacity' });
  });
});

describe('a session id', () => {
  it('differs with network, shifts, method, seed and initial state', () => {
    const { settings, seed, initialState } = plan;
    const changedWeights = { ...network, weights: network.weights.with(7, 1 - network.weights[7]!) };
    const changedShift = { ...network, lossShift: 5 };
    const ids = [
      planSessionId(plan),
      sessionIdOf(changedWeights, settings, seed, initialState),
      sessionIdOf(changedShift, settings, seed, initialState),
      sessionIdOf(network, { ...settings, threshold: -65 }, seed, initialState),
      sessionIdOf(network, settings, 2, initialState),
      sessionIdOf(network, settings, seed, initialState.with(7, 1)),
    ].map((id) => Buffer.from(id).toString('hex'));
    expect(new Set(ids).size).toBe(ids.length);
    expect(planSessionId({ ...plan })).toEqual(planSessionId(plan));
    expect(planSessionId(plan)).toHaveLength(8);
  });
});
