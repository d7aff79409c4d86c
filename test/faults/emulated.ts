import { expect } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import type { DeviceSource } from '#host/device/source.js';
import { faulty, type Outcome, planOf, schedule, train, Undisturbed } from './schedules.js';

/** A new emulated Pico each time. */
const emulators: DeviceSource = { open: () => openEmulator(), close: async () => {} };
const undisturbed = new Undisturbed((plan) => train(plan, () => emulators));

/** Trains over the line of a seed, in emulated time, and expects what an undisturbed session gives. */
export async function expectSameOnEmulator(seed: number): Promise<Outcome> {
  const { name, faults } = schedule(seed);
  const outcome = await train(planOf(name), (host) => faulty(emulators, faults, host));
  const expected = await undisturbed.of(name);
  expect({ seed, digest: outcome.digest }).toEqual({ seed, digest: expected.digest });
  expect(outcome.events).toEqual(expected.events);
  return outcome;
}
