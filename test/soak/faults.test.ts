import { expect, it } from 'vitest';
import { expectSameOnEmulator } from '../faults/emulated.js';
import { trainOnFullDisk } from '../faults/full-disk.js';
import { trainAndKill } from '../faults/killed-run.js';
import type { Outcome } from '../faults/schedules.js';
import { expectSameOnSimulator } from '../faults/simulated.js';

const MINUTE_MS = 60_000;

/** What docs/robustness.md says of the last full run. */
function report(what: string, outcomes: readonly Outcome[]): void {
  const codes = new Map<string, number>();
  for (const code of outcomes.flatMap(({ faults }) => faults)) {
    const name = code.split(':')[0]!;
    codes.set(name, (codes.get(name) ?? 0) + 1);
  }
  const retries = outcomes.reduce((sum, outcome) => sum + outcome.retries, 0);
  console.log(`${what}: ${outcomes.length} sessions, ${retries} retries`, Object.fromEntries(codes));
}

it(
  '1,000 faulty lines to the simulator, in virtual time',
  async () => {
    const outcomes: Outcome[] = [];
    for (let seed = 1; seed <= 1000; seed++) outcomes.push(await expectSameOnSimulator(seed));
    report('simulator', outcomes);
  },
  15 * MINUTE_MS,
);

it(
  '30 faulty lines to the emulator, in emulated time',
  async () => {
    const outcomes: Outcome[] = [];
    for (let seed = 1; seed <= 30; seed++) outcomes.push(await expectSameOnEmulator(seed));
    report('emulator', outcomes);
  },
  15 * MINUTE_MS,
);

it(
  '50 kills of one session',
  async () => {
    const expected = await trainAndKill([]);
    let kills = 0;
    let unbegun = 0;
    // Most kills are within a run: upload, training, evaluation, checkpoints, the end; some are before there is one.
    for (let session = 0; kills < 50; session++) {
      const writes = Array.from({ length: 8 }, (_, kill) => ((session * 8 + kill) * 5) % 13);
      const killing = await trainAndKill(writes);
      expect(killing.summary.stateDigest).toBe(expected.summary.stateDigest);
      expect(killing.steps).toEqual(expected.steps);
      kills += killing.kills;
      unbegun += killing.unbegun;
    }
    console.log(`host: ${kills} kills, ${unbegun} of them before there was a run`);
  },
  15 * MINUTE_MS,
);

it(
  'a disk that is full at any write of a run',
  async () => {
    const { summary } = await trainAndKill([]);
    let writes = 0;
    while (await trainOnFullDisk(writes, summary.stateDigest)) writes++;
    expect(writes).toBeGreaterThan(10);
    console.log(`disk: ${writes} writes of a run, each refused once`);
  },
  15 * MINUTE_MS,
);
