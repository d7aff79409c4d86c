import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import type { Device } from '#host/device/device.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { FrameDecoder } from '#host/link/frame.js';
import { PROTOCOL_VERSION } from '#host/link/messages.js';
import { priot } from '#proto';
import { encode, frame, type Request } from './board.js';

let device: Device | undefined;
afterEach(() => device?.close());

async function open(): Promise<Device> {
  device = await openSimulator();
  return device;
}

/** The next `count` messages of a device. */
function reader(from: Device): (count: number) => Promise<priot.DeviceMessage[]> {
  const decoder = new FrameDecoder();
  const chunks = from.chunks()[Symbol.asyncIterator]();
  const messages: priot.DeviceMessage[] = [];
  return async (count) => {
    while (messages.length < count) {
      const { done, value } = await chunks.next();
      if (done) throw new Error('the device closed');
      for (const payload of decoder.push(value)) messages.push(priot.DeviceMessage.decode(payload));
    }
    return messages.splice(0, count);
  };
}

const HELLO: Request = { hello: { protocolVersion: PROTOCOL_VERSION } };

it('answers everything written, in order, however it is cut', async () => {
  const simulator = await open();
  const read = reader(simulator);
  const frames = Array.from({ length: 200 }, (_, id) => frame(encode(id + 1, HELLO)));
  const stream = Buffer.concat(frames);
  for (let at = 0, length = 1; at < stream.length; at += length, length = (length * 7 + 3) % 900 || 1) {
    await simulator.write(stream.subarray(at, at + length));
  }
  const ids = (await read(200)).map(({ requestId }) => requestId);
  expect(ids).toEqual(Array.from({ length: 200 }, (_, id) => id + 1));
});

it('keeps what was written, whatever happens to the memory it came in', async () => {
  const simulator = await open();
  const bytes = frame(encode(5, HELLO));
  const written = simulator.write(bytes);
  bytes.fill(0xff);
  await written;
  expect((await reader(simulator)(1))[0]?.requestId).toBe(5);
});

it('restarts with another boot id and without its network', async () => {
  const simulator = await open();
  const read = reader(simulator);
  const hello = async () => {
    await simulator.write(frame(encode(1, HELLO)));
    return (await read(1))[0]!.hello!;
  };
  const before = await hello();
  expect(before.resetCause).toBe(priot.ResetCause.RESET_CAUSE_POWER_ON);
  await simulator.write(frame(encode(2, { restart: {} })));
  expect((await read(1))[0]?.body).toBe('done');
  const after = await hello();
  expect(after.resetCause).toBe(priot.ResetCause.RESET_CAUSE_REQUESTED);
  expect(after.bootId).not.toBe(before.bootId);
});

it('ends its chunks when it is closed, and takes nothing after that', async () => {
  const simulator = await open();
  const chunks = simulator.chunks()[Symbol.asyncIterator]();
  const end = chunks.next();
  await simulator.close();
  await simulator.close();
  expect(await end).toMatchObject({ done: true });
  await expect(simulator.write(Uint8Array.of(0))).rejects.toMatchObject({ code: 'DEVICE_CLOSED', class: 'device' });
});

it('does not start once it is told not to', async () => {
  const reason = new Error('not now');
  await expect(openSimulator({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

it('lets the process end when it is closed', async () => {
  const script = `
    import { openSimulator } from '#host/device/simulator/simulator.js';
    const device = await openSimulator();
    await device.close();
    console.log('closed');`;
  const cwd = new URL('../..', import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd });
  expect(stdout).toBe('closed\n');
});
