import { expect, it } from 'vitest';
import { SimulatedFlash } from '#host/device/simulator/simulated-flash.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import { Tensor } from '#host/link/messages.js';
import { readTensor } from '#host/training/network-on-device.js';
import { wholeState } from '#host/training/scored-state.js';
import { stateDigest } from '#host/training/session-id.js';
import { howMany } from '../extent.js';
import { planOf, schedule } from './schedules.js';
import { expectSameOnSimulator } from './simulated.js';

const LINES = howMany(40, 16);

it('sessions over faulty lines end as undisturbed ones, in virtual time', async () => {
  const faults: string[] = [];
  let retries = 0;
  for (let seed = 1; seed <= LINES; seed++) {
    const outcome = await expectSameOnSimulator(seed);
    faults.push(...outcome.faults);
    retries += outcome.retries;
  }
  expect(retries).toBeGreaterThan(10 * LINES);
  expect(faults).toEqual(expect.arrayContaining(['DEVICE_LOST', 'DEVICE_RESTARTED', 'WRONG_ORDER', 'RECOVERED']));
});

it('sessions over faulty lines to devices that keep checkpoints end the same, with one of the last step', async () => {
  for (let seed = 1001; seed <= 1000 + LINES; seed++) {
    const flash = new SimulatedFlash();
    const { digest } = await expectSameOnSimulator(seed, flash);
    const link = await Link.open(await openSimulator({ flash }));
    const { nextStep, stateBytes, sequence } = await link.request('readCheckpoint', {});
    // One per epoch: those that were asked for again were not written again.
    expect({ seed, nextStep, sequence }).toEqual({ seed, nextStep: 64, sequence: 2 });
    const travelled = await readTensor(link, Tensor.TENSOR_CHECKPOINT, stateBytes);
    expect(stateDigest(wholeState(travelled, planOf(schedule(seed).name).settings))).toBe(digest);
    await link.close();
  }
});
