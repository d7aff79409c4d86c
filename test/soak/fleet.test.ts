/** The long way of test/fleet. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { chaoticDigests, localDigests } from '../fleet/chaos.js';
import { Hosts, whyNoHosts } from '../fleet/hosts.js';
import { openEmulatorPty } from '../serial/pty.js';

const MINUTE_MS = 60_000;
const CELLS = 60;

it(
  '60 cells on 4 workers, 12 kills of workers, 2 restarts of Redis, a board unplugged: 5 times',
  async () => {
    const local = await localDigests(CELLS, 12);
    for (let seed = 1; seed <= 5; seed += 1) {
      const board = await openEmulatorPty();
      const { digests, goneOn, killed, said } = await chaoticDigests({
        ...{ seed, cells: CELLS, workers: 4, kills: 12, restarts: 2, betweenMs: 2500, epochs: 12 },
        devices: (worker) => (worker === 0 ? [board.path, 'simulator'] : ['simulator']),
        beside: async () => {
          await delay(5_000);
          await board.close();
        },
      });
      expect(digests).toEqual(local);
      expect(killed).toBe(12);
      expect(said).toContain('is lost');
      console.log(`fleet, seed ${seed}: ${killed} kills, ${goneOn} cells gone on with from a checkpoint`);
    }
  },
  30 * MINUTE_MS,
);

const why = whyNoHosts();
it.skipIf(why !== undefined)(
  `three hosts, one cut off for a minute, one worker killed${why === undefined ? '' : `: ${why}`}`,
  async () => {
    const epochs = 30;
    const local = await localDigests(CELLS, epochs);
    const hosts = new Hosts(3);
    try {
      const { digests, goneOn, said, table } = await chaoticDigests({
        ...{ seed: 1, cells: CELLS, workers: 3, kills: 1, restarts: 0, betweenMs: 20_000, epochs, lockSeconds: 5 },
        redis: { bind: hosts.address(0), through: hosts.through(0) },
        sweepThrough: hosts.through(0),
        through: (worker) => hosts.through(worker),
        beside: async () => {
          hosts.cable(1, 'down');
          await delay(MINUTE_MS);
          hosts.cable(1, 'up');
        },
      });
      expect(digests).toEqual(local);
      console.log(`three hosts: ${goneOn} cells gone on with from a checkpoint\n${table}\n${said}`);
    } finally {
      hosts.remove();
    }
  },
  20 * MINUTE_MS,
);
