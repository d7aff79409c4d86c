/** A cable that is pulled and plugged in again, over a real pseudo-terminal and with the real serialport package. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { deviceSource } from '#host/device/open.js';
import type { ListedPort } from '#host/device/serial/discovery.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import type { DeviceSource } from '#host/device/source.js';
import { Connection } from '#host/link/connection.js';
import { runSelfTest } from '#host/sessions/selftest.js';
import { connect, openPty, sharedStream } from '../serial/pty.js';
import { planOf, train } from './schedules.js';

const SERIAL_NUMBER = 'E660443043A1B2C3';
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What the operating system lists: one board, wherever it is plugged in now. */
class Bus {
  path: string | undefined;
  readonly list = async (): Promise<ListedPort[]> =>
    this.path === undefined
      ? []
      : [{ path: this.path, vendorId: '2e8a', productId: '000a', pnpId: 'priot', serialNumber: SERIAL_NUMBER }];
}

const plan = planOf('priot-saturated');

/** Plugs in a board that keeps its power. Returns what pulls it, and plugs it in again under another name. */
async function plugIn(bus: Bus): Promise<() => Promise<void>> {
  const board = await openSimulator();
  cleanups.push(() => board.close());
  const stream = sharedStream(board);
  let pty = await openPty();
  cleanups.push(() => pty.close());
  connect(stream(), pty);
  bus.path = pty.path;
  return async () => {
    await pty.close();
    pty = await openPty();
    connect(stream(), pty);
    bus.path = pty.path;
  };
}

/** Trains, and calls `disturb` once, at a step within the second epoch. */
async function trainDisturbed(bus: Bus, disturb: () => Promise<void>) {
  const source = deviceSource(bus.path, { listPorts: bus.list });
  return train(
    plan,
    () => source,
    (event) => (event.type === 'step' && event.step === 40 ? disturb() : undefined),
  );
}

it('a board that keeps its power goes on under another name, where it was', async () => {
  const bus = new Bus();
  const replug = await plugIn(bus);
  const outcome = await trainDisturbed(bus, replug);
  const expected = await train(plan, () => deviceSource('simulator'));
  expect(outcome.faults).toEqual(['DEVICE_LOST', 'RECOVERED']);
  expect(outcome.digest).toBe(expected.digest);
  expect(outcome.events).toEqual(expected.events);
});

it('an emulated Pico that loses its power and comes back under another name is restored', async () => {
  const bus = new Bus();
  let bridge = await startBridge();
  bus.path = bridge.path;
  const outcome = await trainDisturbed(bus, async () => {
    await bridge.stop();
    bridge = await startBridge();
    bus.path = bridge.path;
  });
  const expected = await train(plan, () => deviceSource('simulator'));
  expect(outcome.faults).toEqual(['DEVICE_LOST', 'RECOVERED']);
  expect(outcome.digest).toBe(expected.digest);
  expect(outcome.events).toEqual(expected.events);
});

it('the self test asks for the cable to be pulled, and knows the board again in another socket of a hub', async () => {
  const bus = new Bus();
  const replug = await plugIn(bus);
  const connection = await Connection.open(deviceSource(bus.path, { listPorts: bus.list }));
  cleanups.push(() => connection.close());
  const said: string[] = [];
  const document = await runSelfTest(
    connection,
    { cases: [], interactive: true, only: ['unplug'] },
    {
      onEvent: (event) => {
        if (event.type !== 'notice') return;
        said.push(event.text);
        void replug();
      },
    },
  );
  expect(said).toEqual([expect.stringMatching(/^now unplug the board, and plug it in again/)]);
  expect(document).toMatchObject({
    verdict: 'pass',
    checks: [{ name: 'unplug', status: 'pass', text: 'the same board came back' }],
  });
});

it('another board in the place of the one that was pulled is refused', async () => {
  const bus = new Bus();
  const first = await openPty();
  const simulator = await openSimulator();
  cleanups.push(() => simulator.close());
  connect(simulator, first);
  bus.path = first.path;
  const ports = deviceSource(bus.path, { listPorts: bus.list });
  let opened = 0;
  const seenEnough = new AbortController();
  const source: DeviceSource = {
    open: async (signal) => {
      // The attempts go on for a minute, as the right board may come yet; the second one shows what came of the first.
      if (++opened === 3) seenEnough.abort(new Error('the first attempt was refused'));
      return ports.open(signal);
    },
    close: () => ports.close(),
  };
  const connection = await Connection.open(source);
  cleanups.push(() => connection.close());
  await first.close();
  const bridge = await startBridge();
  bus.path = bridge.path;
  const lost = await connection.link.request('readStatistics', {}).catch((error: unknown) => error);
  await expect(connection.recover(lost, seenEnough.signal)).rejects.toThrow('the first attempt was refused');
});

async function startBridge(): Promise<{ path: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'priot-replug-'));
  const path = join(folder, 'tty');
  const bridge = spawn(process.execPath, ['dist/host/device/emulator/pty-bridge.js', '--link', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(bridge, 'exit');
  const stop = async () => {
    bridge.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  cleanups.push(stop);
  for await (const text of bridge.stdout) if (String(text).includes('ready')) break;
  return { path, stop };
}
