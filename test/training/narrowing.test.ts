/** `--narrow`: steps that are half as large after some epochs. */
import { describe, expect, it } from 'vitest';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import { epochList } from '#host/options/kinds.js';
import { valueIn } from '#host/options/option.js';
import { trainingOptions } from '#host/options/training.js';
import { bitsNarrower, withNarrowerSteps } from '#host/training/narrowing.js';
import { planSessionId, startAtZero, type TrainingPlan } from '#host/training/plan.js';
import { TrainingSession } from '#host/training/session.js';
import { stateDigest } from '#host/training/session-id.js';
import { CASES, planOf } from '../faults/schedules.js';

const never = new AbortController().signal;

/** The learned states at the ends of the epochs. */
async function statesOf(plan: TrainingPlan, start = startAtZero(plan)): Promise<Int8Array[]> {
  const link = await Link.open(await openSimulator());
  const states: Int8Array[] = [];
  const session = await TrainingSession.open(link, plan, start);
  for await (const event of session.run(never)) if (event.type === 'checkpoint') states.push(event.state);
  await link.close();
  return states;
}

describe('a session whose steps narrow', () => {
  for (const name of CASES) {
    it(`trains each epoch as a session of its own with those shifts would (${name})`, async () => {
      const plan = { ...planOf(name), epochs: 3, narrowing: [1, 2] };
      const states = await statesOf(plan);
      let state = plan.initialState;
      for (const epoch of [0, 1, 2]) {
        const { narrowing: _, ...constant } = { ...plan, ...withNarrowerSteps(plan, epoch), epochs: epoch + 1 };
        const start = { nextStep: epoch * plan.training.count, state, isRecorded: () => true, isInitialRecorded: true };
        state = (await statesOf(constant, start)).at(-1)!;
        expect(stateDigest(state)).toBe(stateDigest(states[epoch]!));
      }
      const { narrowing: _, ...wide } = plan;
      expect(stateDigest((await statesOf(wide)).at(-1)!)).not.toBe(stateDigest(states.at(-1)!));
    });
  }

  it('is another session', () => {
    const plan = planOf('priot-saturated');
    expect(planSessionId({ ...plan, narrowing: [2] })).not.toEqual(planSessionId(plan));
  });
});

it('steps are halved after each number of epochs', () => {
  expect([0, 15, 16, 23, 24, 99].map((epoch) => bitsNarrower([16, 24], epoch))).toEqual([0, 0, 1, 1, 2, 2]);
});

it.each([
  ['16,24', [16, 24]],
  ['1', [1]],
  ['24,16', undefined],
  ['4,4', undefined],
  ['0', undefined],
  ['', undefined],
  ['1.5', undefined],
])('--narrow %s', (text, epochs) => {
  expect(epochList.parse(text)).toEqual(epochs);
  const parse = () => valueIn('narrow', trainingOptions.narrow, text);
  if (epochs === undefined) expect(parse).toThrow(/ascending numbers of epochs/);
  else expect(trainingOptions.narrow.kind.record(epochs)).toBe(text);
  if (epochs !== undefined) expect(parse()).toEqual(epochs);
});
