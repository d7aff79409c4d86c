import { expect, it } from 'vitest';
import { expectSameOnSimulator } from './simulated.js';

it('sessions over 40 faulty lines end as undisturbed ones, in virtual time', async () => {
  const faults: string[] = [];
  let retries = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const outcome = await expectSameOnSimulator(seed);
    faults.push(...outcome.faults);
    retries += outcome.retries;
  }
  expect(retries).toBeGreaterThan(400);
  expect(faults).toEqual(expect.arrayContaining(['DEVICE_LOST', 'DEVICE_RESTARTED', 'WRONG_ORDER', 'RECOVERED']));
});
