import { expect } from 'vitest';
import type { SimulatedFlash } from '#host/device/simulator/simulated-flash.js';
import { trainingIdOf } from '#host/training/device-checkpoint.js';
import { faulty, type Outcome, planOf, schedule, train, Undisturbed } from './schedules.js';
import { virtualBoards } from './virtual-board.js';
import { VirtualTime } from './virtual-time.js';

/** No session takes so long, however bad its line. */
const LIMIT_MS = 4 * 3_600_000;

const undisturbed = new Undisturbed((plan) => {
  const time = new VirtualTime();
  return time.run(
    train(plan, () => virtualBoards(time)),
    LIMIT_MS,
  );
});

/**
 * Trains over the line of a seed, in virtual time, and expects what an undisturbed session gives. `flash`: the device keeps
 * checkpoints in it.
 */
export async function expectSameOnSimulator(seed: number, flash?: SimulatedFlash): Promise<Outcome> {
  const { name, faults } = schedule(seed);
  const time = new VirtualTime();
  const plan = planOf(name);
  const trainingId = flash && trainingIdOf(plan.training);
  const outcome = await time.run(
    train(plan, (host) => faulty(virtualBoards(time, flash), faults, host), undefined, trainingId),
    LIMIT_MS,
  );
  const expected = await undisturbed.of(name);
  expect({ seed, digest: outcome.digest }).toEqual({ seed, digest: expected.digest });
  expect(outcome.events).toEqual(expected.events);
  return outcome;
}
