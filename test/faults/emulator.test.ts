import { expect, it } from 'vitest';
import { expectSameOnEmulator } from './emulated.js';

it('sessions over two faulty lines to the emulated Pico end as undisturbed ones', async () => {
  const outcomes = [await expectSameOnEmulator(1), await expectSameOnEmulator(45)];
  expect(outcomes.flatMap(({ faults }) => faults)).toContain('RECOVERED');
});
