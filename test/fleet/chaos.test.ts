import { expect, it } from 'vitest';
import { chaoticDigests, localDigests } from './chaos.js';

it('a sweep over a queue ends as the local one, whatever is killed and restarted meanwhile', async () => {
  const [local, queued] = [
    await localDigests(12),
    await chaoticDigests({ seed: 1, cells: 12, workers: 2, kills: 3, restarts: 1, betweenMs: 1500 }),
  ];
  expect(queued.digests).toEqual(local);
}, 120_000);
