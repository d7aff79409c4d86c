import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '#host/device/device.js';
import { openDevice } from '#host/device/open.js';
import { openSerial } from '#host/device/serial/serial.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import { LayerOperation, Method, Tensor } from '#host/link/messages.js';
import { connect, openEmulatorPty, openPty, type Pty } from './pty.js';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function pty(): Promise<Pty> {
  const opened = await openPty();
  cleanups.push(() => opened.close());
  return opened;
}

async function simulatorBehindPty(): Promise<Pty> {
  const simulator = await openSimulator();
  cleanups.push(() => simulator.close());
  const opened = await pty();
  connect(simulator, opened);
  return opened;
}

async function emulatorBehindPty(): Promise<string> {
  const emulator = await openEmulatorPty();
  cleanups.push(() => emulator.close());
  return emulator.path;
}

/** Every wait is over at once. */
function hastyClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    async delay(ms, signal) {
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
}

describe('a device behind a pty, through the real serialport package', () => {
  it('shakes hands, answers, and keeps its place', async () => {
    const { path } = await simulatorBehindPty();
    const link = await Link.open(await openDevice(path));
    expect(link.device.description).toEqual({ kind: 'serial', name: path });
    // By the board id, not by the kind of port.
    expect(link.place).toBe('simulated');
    expect(await link.request('readStatistics', {})).toMatchObject({ crcErrors: 0, malformedFrames: 0 });
    await link.close();
  });

  it('is emulated when it is the firmware in the emulator, and takes what a network needs', async () => {
    const path = await emulatorBehindPty();
    const link = await Link.open(await openDevice(path));
    expect(link.place).toBe('emulated');
    expect(link.hello).toMatchObject({ clockHz: 125_000_000, flashBytes: 2 * 1024 * 1024, resetCause: 'power-on' });
    const layer = {
      operation: LayerOperation.LAYER_OPERATION_LINEAR,
      inHeight: 1,
      inWidth: 1,
      inChannels: 64,
      outChannels: 32,
    };
    const network = { method: Method.METHOD_PRIOT, threshold: -64, layers: [layer] };
    const plan = await link.request('openNetwork', network);
    expect(plan).toMatchObject({ fits: true, stateBytes: 2048 });

    const weights = Uint8Array.from({ length: 2048 }, (_, i) => (i * 37) % 127);
    const chunks = [0, 1024].map((offset) => ({ offset, data: weights.subarray(offset, offset + 1024) }));
    for (const tensor of [Tensor.TENSOR_WEIGHTS, Tensor.TENSOR_STATE]) {
      const writes = chunks.map((chunk) => ({ tensor, ...chunk }));
      for await (const done of link.pipeline('writeTensor', writes)) expect(done).toEqual({});
      await link.request('commitTensor', { tensor });
    }
    const reads = chunks.map(({ offset }) => ({ tensor: Tensor.TENSOR_STATE, offset, length: 1024 }));
    const read: Uint8Array[] = [];
    for await (const { data } of link.pipeline('readTensor', reads)) read.push(data);
    expect(Buffer.concat(read)).toEqual(Buffer.from(weights));

    const sessionId = new Uint8Array(8).fill(3);
    await link.request('startSession', { sessionId, nextStep: 0 });
    const frames = Array.from({ length: 30 }, (_, i) => ({ label: i % 32, image: new Uint8Array(64).fill(i) }));
    const steps: number[] = [];
    for await (const result of link.steps({ sessionId, firstStep: 0 }, frames)) {
      expect(result.cycles).toBeGreaterThan(0);
      steps.push(result.step);
    }
    expect(steps).toEqual(frames.map((_, i) => i));
    expect(link.statistics).toMatchObject({ crcErrors: 0, retries: 0, timeouts: 0 });
    await link.close();
  });

  it('refuses a network that is too large, with the byte account', async () => {
    const { path } = await simulatorBehindPty();
    const link = await Link.open(await openDevice(path));
    const layer = {
      operation: LayerOperation.LAYER_OPERATION_LINEAR,
      inHeight: 1,
      inWidth: 1,
      inChannels: 4096,
      outChannels: 64,
    };
    const request = { method: Method.METHOD_PRIOT, layers: [layer], memoryLimitBytes: 10_000 };
    await expect(link.request('openNetwork', request)).rejects.toMatchObject({
      code: 'NETWORK_TOO_LARGE',
      class: 'capacity',
      message: expect.stringMatching(/needs [\d,]+ bytes and the device has [\d,]+ \(weights [\d,]+, state [\d,]+/),
    });
    await link.close();
  });

  it('can be opened again after it was closed', async () => {
    const { path } = await simulatorBehindPty();
    for (let i = 0; i < 3; i++) {
      const link = await Link.open(await openDevice(path));
      await link.close();
    }
  });

  it('is greeted through what a host before us left half-sent', async () => {
    const { path } = await simulatorBehindPty();
    const before = await openSerial(path);
    await before.write(Uint8Array.of(9, 1, 2, 3));
    await before.close();
    const link = await Link.open(await openSerial(path));
    await link.close();
  });

  it('is lost when the pty goes away', async () => {
    const opened = await simulatorBehindPty();
    const link = await Link.open(await openDevice(opened.path));
    await opened.close();
    await expect(link.request('readStatistics', {})).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      class: 'device',
      remedy: expect.stringContaining('--resume'),
    });
    await link.close();
  });
});

describe('a port that cannot be used', () => {
  it('is missing', async () => {
    await expect(openDevice('/dev/ttyACM987')).rejects.toMatchObject({
      code: 'PORT_MISSING',
      class: 'device',
      remedy: expect.stringContaining('priot devices'),
    });
  });

  it('is no port at all', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'priot-port-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'file');
    await writeFile(path, 'text');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const [name, kind] of [
      [path, 'a file'],
      [folder, 'a folder'],
      ['.', 'a folder'],
      [pipe, 'a pipe'],
    ] as const) {
      await expect(openDevice(name)).rejects.toMatchObject({
        code: 'NOT_A_PORT',
        class: 'device',
        message: `${name}: this is ${kind}, not a serial port`,
        remedy: expect.stringContaining('emulator and simulator'),
      });
    }
  });

  it('has a name that no port has', async ({ skip }) => {
    skip(process.platform !== 'linux', 'ports are called otherwise elsewhere');
    for (const name of ['foo', 'COM3', 'emulater']) {
      await expect(openDevice(name)).rejects.toMatchObject({
        code: 'PORT_MISSING',
        class: 'device',
        message: expect.stringContaining(name),
        remedy: expect.stringContaining(
          'the built-in devices are emulator and simulator; a port is called /dev/ttyACM0',
        ),
      });
    }
  });

  it('is in use', async () => {
    const { path } = await simulatorBehindPty();
    const link = await Link.open(await openDevice(path));
    await expect(openDevice(path)).rejects.toMatchObject({
      code: 'PORT_BUSY',
      class: 'device',
      remedy: expect.stringContaining(`fuser -v ${path}`),
    });
    expect(await link.request('readStatistics', {})).toMatchObject({ crcErrors: 0 });
    await link.close();
  });

  it('may not be used', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'permissions do not bind root');
    const { path } = await pty();
    await chmod(path, 0);
    await expect(openDevice(path)).rejects.toMatchObject({
      code: 'PORT_PERMISSION',
      class: 'device',
      remedy: expect.stringContaining('dialout'),
    });
  });

  it('never answers: it is not priot', async () => {
    const { path } = await pty();
    const device = await openSerial(path, { clock: hastyClock() });
    await expect(Link.open(device)).rejects.toMatchObject({
      code: 'NOT_PRIOT',
      class: 'device',
      message: expect.stringContaining('sent nothing'),
      remedy: `if it is a Pico, put the firmware on it: priot flash --device ${path}`,
    });
  });

  it('echoes what it gets: it is not priot', async () => {
    const { path, input, output } = await pty();
    output.pipe(input);
    await expect(Link.open(await openSerial(path))).rejects.toMatchObject({
      code: 'NOT_PRIOT',
      class: 'device',
      message: `${path} sends back what it gets: no priot firmware is behind it`,
    });
  });
});
