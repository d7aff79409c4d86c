import { describe, expect, it } from 'vitest';
import { DeviceRetired, type PooledDevice, runOnPool } from '#host/sweep/device-pool.js';

const never = new AbortController().signal;
const ignore = () => {};

function device(name: string, run: (job: number) => Promise<void> | void): PooledDevice<number> {
  return { name, run: async (job) => run(job) };
}

describe('a pool of devices', () => {
  it('runs every job once, one at a time on each device', async () => {
    const done: number[] = [];
    let busy = 0;
    const devices = ['a', 'b'].map((name) => {
      let mine = 0;
      return device(name, async (job) => {
        expect(++mine).toBe(1);
        busy = Math.max(busy, mine);
        await new Promise(setImmediate);
        done.push(job);
        mine -= 1;
      });
    });
    expect(await runOnPool([1, 2, 3, 4, 5], devices, never, ignore)).toEqual([]);
    expect(done.sort()).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives the job of a device that is gone to another one', async () => {
    const retired: string[] = [];
    const done: number[] = [];
    const broken = device('broken', () => {
      throw new DeviceRetired('unplugged');
    });
    const sound = device('sound', async (job) => {
      await new Promise(setImmediate);
      done.push(job);
    });
    const left = await runOnPool([1, 2, 3], [broken, sound], never, (name) => retired.push(name));
    expect(left).toEqual([]);
    expect(retired).toEqual(['broken']);
    expect(done.sort()).toEqual([1, 2, 3]);
  });

  it('says what nobody ran when no device is left', async () => {
    const broken = device('broken', () => {
      throw new DeviceRetired('unplugged');
    });
    expect(await runOnPool([1, 2], [broken], never, ignore)).toEqual([1, 2]);
  });

  it('begins nothing after it is told to stop', async () => {
    const controller = new AbortController();
    const done: number[] = [];
    const stopping = device('one', (job) => {
      done.push(job);
      controller.abort();
    });
    expect(await runOnPool([1, 2, 3], [stopping], controller.signal, ignore)).toEqual([2, 3]);
    expect(done).toEqual([1]);
  });
});
