import { describe, expect, it } from 'vitest';
import { parseFaults } from '#host/device/faulty/faults.js';
import type { DeviceSource } from '#host/device/source.js';
import { DeviceError } from '#host/errors.js';
import { type Attempt, Connection } from '#host/link/connection.js';
import { virtualBoards } from './virtual-board.js';
import { VirtualTime } from './virtual-time.js';

const LIMIT_MS = 600_000;
const lost = () => new DeviceError('DEVICE_LOST', 'gone');

/** Boards that can be opened as often as `answers` says true. */
function sourceOf(time: VirtualTime, answers: boolean[]): DeviceSource & { opened: number[] } {
  const boards = virtualBoards(time);
  const opened: number[] = [];
  return {
    opened,
    async open() {
      opened.push(time.nowMs());
      if (!answers.shift()) throw new DeviceError('PORT_MISSING', 'no such port');
      return boards.open();
    },
    close: boards.close,
  };
}

describe('a connection', () => {
  it('waits a minute for a lost device, and then says how to go on', async () => {
    const time = new VirtualTime();
    const source = sourceOf(time, [true]);
    const attempts: Attempt[] = [];
    const options = { onAttempt: (attempt: Attempt) => attempts.push(attempt) };
    const connection = await time.run(Connection.open(source, options), LIMIT_MS);
    await expect(time.run(connection.recover(lost()), LIMIT_MS)).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      class: 'device',
      message: 'simulator: lost, and is not back after 9 attempts: no such port',
      remedy: expect.stringContaining('priot train --resume'),
    });
    expect(attempts.map(({ attempt, of }) => `${attempt} of ${of}`)).toEqual(
      Array.from({ length: 9 }, (_, index) => `${index + 1} of 9`),
    );
    expect(attempts.map(({ cause }) => cause.message)).toEqual(['gone', ...Array<string>(8).fill('no such port')]);
    expect(source.opened.map((ms) => ms - source.opened[1]!).slice(1)).toEqual([
      0, 250, 750, 1750, 3750, 7750, 15750, 30750, 60750,
    ]);
  });

  it('gives a device that goes away while it is greeted some seconds, and speaks of no run', async () => {
    const time = new VirtualTime();
    const boards = sourceOf(time, [true]);
    const source: DeviceSource = {
      async open() {
        const device = await boards.open();
        // it hangs up on the first byte
        device.write = () => Promise.reject(lost());
        return device;
      },
      close: boards.close,
    };
    const error = await time.run(Connection.open(source), LIMIT_MS).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'DEVICE_LOST',
      message: 'simulator: it went away while it was greeted, and is not back after 5 attempts: no such port',
      remedy: 'plug it in again; see what is plugged in: priot devices',
    });
    expect(boards.opened.at(-1)! - boards.opened[0]!).toBe(3_750);
  });

  it('counts its attempts until something was done', async () => {
    const time = new VirtualTime();
    const source = sourceOf(
      time,
      Array.from({ length: 20 }, () => true),
    );
    const connection = await time.run(Connection.open(source), LIMIT_MS);
    for (let attempt = 0; attempt < 9; attempt++) await time.run(connection.recover(lost()), LIMIT_MS);
    connection.progressed();
    await time.run(connection.recover(lost()), LIMIT_MS);
    expect(source.opened).toHaveLength(11);
  });

  it('adds up what its links saw', async () => {
    const time = new VirtualTime();
    const connection = await time.run(Connection.open(sourceOf(time, [true, true])), LIMIT_MS);
    await time.run(connection.link.request('readStatistics', {}), LIMIT_MS);
    await time.run(connection.recover(lost()), LIMIT_MS);
    await time.run(connection.link.request('readStatistics', {}), LIMIT_MS);
    expect(connection.statistics).toMatchObject({ frames: 8, roundTrips: 4, retries: 0 });
  });

  it('gives up at once on what no reconnection mends, and when it is told to stop', async () => {
    const time = new VirtualTime();
    const connection = await time.run(Connection.open(sourceOf(time, [true])), LIMIT_MS);
    const refused = new DeviceError('UNSUPPORTED', 'no such method');
    await expect(connection.recover(refused)).rejects.toBe(refused);
    const stop = new Error('stop');
    await expect(connection.recover(lost(), AbortSignal.abort(stop))).rejects.toBe(stop);
  });
});

describe('--faults', () => {
  it('reads chances and a seed; what is left out is 0', () => {
    const none = { drop: 0, duplicate: 0, flip: 0, truncate: 0, reorder: 0, stall: 0, unplug: 0, reset: 0 };
    expect(parseFaults('seed=9, drop=0.02,reset=2e-3')).toEqual({ ...none, seed: 9, drop: 0.02, reset: 0.002 });
  });

  it.each(['', 'drop', 'drop=', 'drop=2', 'drop=-1', 'drop=.1,drop=.2', 'lose=0.1', 'seed=-1', 'seed=0.5', 'drop=1=2'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseFaults(text)).toThrow(expect.objectContaining({ code: 'BAD_FAULTS', class: 'usage' }));
    },
  );
});
