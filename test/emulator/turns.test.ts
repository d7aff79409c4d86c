import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { Device } from '#host/device/device.js';
import { cyclesOfMs } from '#host/device/emulator/emulated-clock.js';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { openInProcess } from '#host/device/emulator/in-process.js';
import type { DeviceEvent } from '#host/device/emulator/messages.js';
import { Turns } from '#host/device/emulator/turns.js';
import { Link } from '#host/link/link.js';
import { firmwareFlash, shimRom } from './programs.js';
import { trainSteps } from './training.js';

/** Everything that a run shows of time: cycles as the firmware counts them, and when the host learnt of them. */
async function timesOf(link: Link): Promise<unknown> {
  try {
    const steps = await trainSteps(link, 2, 'priot-saturated');
    return steps.map(({ result, nowMs }) => ({ ...result, nowMs }));
  } finally {
    await link.close();
  }
}

/** An emulator whose chunks are read: time passes only for a host that deals with what it gets. */
async function openRead(): Promise<Device> {
  const device = await openEmulator();
  void (async () => {
    for await (const _ of device.chunks());
  })();
  await device.clock.delay(5);
  return device;
}

const threaded = async () => timesOf(await Link.open(await openEmulator()));

test('two identical runs give identical times, with and without load, whatever the slices', async () => {
  const quiet = await threaded();

  const load = new Worker('for (;;) Math.sqrt(Math.random());', { eval: true });
  const loop = setInterval(() => {
    // the host's own loop is late, too
    const until = performance.now() + 3;
    while (performance.now() < until);
  }, 10);
  try {
    expect(await threaded()).toEqual(quiet);
  } finally {
    clearInterval(loop);
    await load.terminate();
  }

  const options = { rom: shimRom(), flash: firmwareFlash(), latencyMs: 1, sliceCycles: 4001 };
  expect(await timesOf(await Link.open(await openInProcess(new Turns(options))))).toEqual(quiet);
});

test('latency moves the times, so they are really measured', async () => {
  const at = async (latencyMs: number) => {
    const device = await openEmulator({ latencyMs });
    const link = await Link.open(device);
    const { nowMs } = device.clock;
    const ms = nowMs();
    await link.close();
    return ms;
  };
  const [one, five] = [await at(1), await at(5)];
  // a packet that is ready in the last 200 us of a frame waits for the next one (erratum E15)
  expect(Math.abs(five - one - 4)).toBeLessThan(0.25);
});

test('time stands still while the host owes an answer, and goes on with it', () => {
  const turns = new Turns({ rom: shimRom(), flash: firmwareFlash(), latencyMs: 1 });
  let packet: Extract<DeviceEvent, { type: 'packet' }> | undefined;
  while (packet === undefined) {
    expect(turns.advance()).toBe(true);
    packet = turns.takeEvents().find((event) => event.type === 'packet');
  }
  while (turns.advance());
  const { cycles } = turns.pico;
  expect(cycles).toBeGreaterThanOrEqual(packet.cycles + cyclesOfMs(1));
  for (let times = 0; times < 100; times++) expect(turns.advance()).toBe(false);
  expect(turns.pico.cycles).toBe(cycles);
  turns.receive({ turn: packet.turn!, actions: { bytes: [], delays: [{ id: 0, ms: 5 }], cancelled: [] } });
  while (turns.advance());
  expect(turns.takeEvents()).toContainEqual(expect.objectContaining({ type: 'elapsed', id: 0 }));
  expect(turns.pico.cycles).toBeGreaterThan(cycles);
});

test('a delay ends when its time is over', async () => {
  const device = await openRead();
  for (const ms of [250, 10]) {
    const before = device.clock.nowMs();
    await device.clock.delay(ms);
    expect(device.clock.nowMs() - before).toBeCloseTo(ms, 1);
  }
  await device.close();
});

test('a delay that is given up rejects with the reason, and no longer moves time', async () => {
  const device = await openRead();
  const abort = new AbortController();
  const long = device.clock.delay(1e9, abort.signal);
  const reason = new Error('given up');
  abort.abort(reason);
  await expect(long).rejects.toBe(reason);
  const before = device.clock.nowMs();
  await device.clock.delay(5);
  expect(device.clock.nowMs() - before).toBeLessThan(10);
  await device.close();
});

test('closing ends the chunks at once and refuses what comes later', async () => {
  const device = await openEmulator();
  const chunks = device.chunks()[Symbol.asyncIterator]();
  await chunks.next(); // the firmware ends a frame when a host appears
  const next = chunks.next();
  const delay = device.clock.delay(1e9);
  const rejected = expect(delay).rejects.toMatchObject({ code: 'DEVICE_CLOSED' });
  await device.close();
  await device.close();
  expect(await next).toEqual({ value: undefined, done: true });
  await rejected;
  await expect(device.write(Uint8Array.of(0))).rejects.toMatchObject({ code: 'DEVICE_CLOSED' });
});
