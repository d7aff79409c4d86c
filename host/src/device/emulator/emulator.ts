/** The emulated Pico as a device: the firmware image in a worker thread, in deterministic emulated time. */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError, UsageError } from '../../errors.js';
import type { Device } from '../device.js';
import { flashOfImage } from './image.js';
import { ROM_BYTES } from './memory.js';
import type { Command, DeviceEvent, WorkerSetup } from './messages.js';
import { closedError, failedError, TurnDevice } from './turn-device.js';

export interface EmulatorOptions {
  /** UF2, ELF or .bin; the firmware of this package when left out. */
  readonly firmware?: string;
  /** A dump of an RP2040's own boot ROM, 16 KB; the one of this package when left out. */
  readonly bootRom?: string;
  /** Emulated time from an event to the arrival of the host's answer; 1 unless told otherwise. */
  readonly latencyMs?: number;
  /** No turns: bytes are delivered as they come, the clock is the wall's. For a bridge to a pty. */
  readonly live?: boolean;
  readonly onConsoleLine?: (line: string) => void;
}

const DEFAULT_FIRMWARE = new URL('../../../firmware/priot.uf2', import.meta.url);
const SHIM_ROM = new URL('../../../firmware/shimrom.bin', import.meta.url);

async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read';
    const remedy = 'build it with `make firmware`, or name another image';
    throw new DataError('FIRMWARE_IMAGE_MISSING', `the firmware image ${path} ${why}`, remedy, { cause });
  }
}

/** What every boot ROM of an RP2040 has at 0x10: "Mu", and 1. The byte after it is its version. */
const ROM_MAGIC = [0x4d, 0x75, 0x01];
const ROM_MAGIC_OFFSET = 0x10;

async function readBootRom(path: string): Promise<Uint8Array> {
  const invalid = (why: string, cause?: unknown) =>
    new DataError(
      'BOOT_ROM_INVALID',
      `${path} ${why}`,
      'give the 16 KB from address 0 of a chip of your own, or leave --boot-rom out',
      { cause },
    );
  const rom = await readFile(path).catch((cause: unknown) => {
    throw invalid('cannot be read', cause);
  });
  if (rom.length !== ROM_BYTES) throw invalid(`has ${rom.length} bytes, and a boot ROM has ${ROM_BYTES}`);
  if (ROM_MAGIC.some((byte, at) => rom[ROM_MAGIC_OFFSET + at] !== byte)) throw invalid('is no boot ROM of an RP2040');
  return rom;
}

/** Powers an emulated Pico on and waits until it is enumerated. Throws DataError or DeviceError. */
export async function openEmulator(options: EmulatorOptions = {}): Promise<Device> {
  const latencyMs = options.latencyMs ?? 1;
  if (!(latencyMs >= 0 && latencyMs <= 1000)) {
    throw new UsageError('LATENCY_OUT_OF_RANGE', `latency ${latencyMs} ms`, 'give a latency from 0 to 1000 ms');
  }
  const path = options.firmware ?? fileURLToPath(DEFAULT_FIRMWARE);
  const setup: WorkerSetup = {
    rom: options.bootRom === undefined ? await readImage(fileURLToPath(SHIM_ROM)) : await readBootRom(options.bootRom),
    flash: flashOfImage(await readImage(path), basename(path)),
    latencyMs,
    live: options.live ?? false,
    signal: new SharedArrayBuffer(4),
  };
  const device = inWorker(setup);
  device.onConsoleLine = options.onConsoleLine;
  await device.opened;
  return device;
}

function inWorker(setup: WorkerSetup): TurnDevice {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: setup });
  const signal = new Int32Array(setup.signal);
  const send = (command: Command) => {
    worker.postMessage(command);
    Atomics.add(signal, 0, 1);
    Atomics.notify(signal, 0);
  };
  const stop = async () => {
    await worker.terminate();
  };
  const device = new TurnDevice({ send, stop }, setup.live);
  worker.on('message', (events: DeviceEvent[]) => device.deliver(events));
  worker.on('error', (cause) => device.fail(failedError(cause)));
  worker.on('exit', () => device.fail(closedError()));
  return device;
}
