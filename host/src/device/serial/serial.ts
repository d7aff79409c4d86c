/** A board behind a serial port, or whatever else answers there. */
import { stat } from 'node:fs/promises';
import type { SerialPort } from 'serialport';
import { realClock } from '../clock.js';
import type { Clock, Device, DeviceDescription } from '../device.js';
import { portError, portLost } from './port-errors.js';

export interface SerialOptions {
  signal?: AbortSignal;
  /** USB serial number, where it is known. */
  serialNumber?: string;
  /** The clock of the port; left out: real time. */
  clock?: Clock;
}

/** Means nothing to a CDC port, except that 1200 asks for the boot ROM. */
const BAUD_RATE = 115_200;
const VIGIL_MS = 250;

/**
 * Opens a port for this process alone.
 * @throws DeviceError PORT_MISSING, PORT_BUSY, PORT_PERMISSION, NOT_A_PORT, PORT_FAILED
 */
export async function openSerial(path: string, options: SerialOptions = {}): Promise<Device> {
  options.signal?.throwIfAborted();
  const port = await openPort(path, BAUD_RATE);
  // Says that somebody listens. A pseudo-terminal has no such line.
  await new Promise<void>((resolve) => port.set({ dtr: true, rts: true }, () => resolve()));
  return new SerialDevice(port, options);
}

/**
 * Opens a port with these bits per second, 8N1, locked.
 * @throws DeviceError as `openSerial`
 */
export async function openPort(path: string, baudRate: number): Promise<SerialPort> {
  const { SerialPort } = await import('serialport');
  const port = new SerialPort({ path, baudRate, lock: true, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error ? reject(portError(path, error)) : resolve()));
  });
  if (process.platform !== 'win32') await closeWhenGone(port, path);
  return port;
}

/**
 * Closes a port whose file is gone. A port that is unplugged while serialport reads it is read for ever: it takes the
 * 0 bytes that a hung-up terminal gives for a reason to try again, and reports nothing.
 */
async function closeWhenGone(port: SerialPort, path: string): Promise<void> {
  const inode = () =>
    stat(path).then(
      ({ ino }) => ino,
      () => undefined,
    );
  const opened = await inode();
  const vigil = setInterval(async () => {
    if ((await inode()) === opened || !port.isOpen || port.closing) return;
    port.close(undefined, new Error('the port has disappeared'));
  }, VIGIL_MS);
  port.once('close', () => clearInterval(vigil));
}

/** Closes a port; what the device did not take is dropped, as waiting for it may take for ever. Idempotent. */
export async function closePort(port: SerialPort): Promise<void> {
  if (!port.isOpen || port.closing) return;
  await new Promise<void>((resolve) => port.flush(() => resolve()));
  if (!port.isOpen || port.closing) return;
  await new Promise<void>((resolve) => port.close(() => resolve()));
}

class SerialDevice implements Device {
  readonly description: DeviceDescription;
  readonly clock: Clock;
  readonly #port: SerialPort;
  #received: Uint8Array[] = [];
  #closed = false;
  #lost: Error | undefined;
  /** Calls whoever waits for bytes to come, or to be taken. */
  #wakeReader: (() => void) | undefined;
  readonly #wakeWriters = new Set<() => void>();

  constructor(port: SerialPort, { serialNumber, clock = realClock }: SerialOptions) {
    this.#port = port;
    this.clock = clock;
    this.description = { kind: 'serial', name: port.path, ...(serialNumber && { serialNumber }) };
    port.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#wakeReader?.();
    });
    port.on('drain', () => this.#release());
    port.on('error', (error) => this.#lose(error));
    port.on('close', (error: Error | null) => this.#lose(error));
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    for (;;) {
      const chunks = this.#received;
      this.#received = [];
      yield* chunks;
      if (this.#received.length > 0) continue;
      if (this.#closed) return;
      if (this.#lost) throw this.#lost;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) throw this.#lost;
    if (this.#port.write(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#wakeWriters.add(resolve);
    });
    if (this.#lost) throw this.#lost;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeReader?.();
    this.#release();
    await closePort(this.#port);
  }

  #lose(cause: Error | null): void {
    if (this.#closed || this.#lost) return;
    this.#lost = portLost(this.#port.path, cause);
    this.#wakeReader?.();
    this.#release();
  }

  #release(): void {
    for (const wake of this.#wakeWriters) wake();
    this.#wakeWriters.clear();
  }
}
