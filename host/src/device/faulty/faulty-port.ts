/**
 * A faulty line between the host and any kind of device, a test aid (`--faults`). Frames get lost, doubled, damaged, cut
 * short, swapped or held up; the cable is pulled and comes back; the board is reset. All of it follows from a seed, in the
 * time of the device's own clock.
 */
import { DeviceError } from '../../errors.js';
import type { Clock, Device, DeviceDescription } from '../device.js';
import type { DeviceSource } from '../source.js';
import { type Faults, randomFrom } from './faults.js';
import { FaultyDirection, FrameCutter } from './faulty-direction.js';

/** A cable that was pulled comes back within this time, in milliseconds. */
const LONGEST_ABSENCE_MS = 8_000;

/** The device behind the line; it lives on while the cable is out. */
interface Board {
  readonly device: Device;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** The next chunk, once it was asked for. */
  next: Promise<IteratorResult<Uint8Array>> | undefined;
}

/** The next chunk, or undefined when `instead` comes first; then it is still to come. */
async function nextChunk(board: Board, instead: Promise<undefined>): Promise<IteratorResult<Uint8Array> | undefined> {
  board.next ??= board.chunks.next();
  const { next } = board;
  const chunk = await Promise.race([next, instead]);
  // Another reader may have asked for the one after it by now.
  if (chunk !== undefined && board.next === next) board.next = undefined;
  return chunk;
}

export class FaultyPort implements DeviceSource {
  readonly #source: DeviceSource;
  readonly #faults: Faults;
  /** The frame that makes the device reset itself. */
  readonly #restartFrame: Uint8Array;
  readonly #random: () => number;
  #board: Board | undefined;
  #plugged: FaultyDevice | undefined;
  #replug: (() => void) | undefined;
  #backAtMs = 0;

  constructor(source: DeviceSource, faults: Faults, restartFrame: Uint8Array) {
    this.#source = source;
    this.#faults = faults;
    this.#restartFrame = restartFrame;
    this.#random = randomFrom(faults.seed);
  }

  async open(signal?: AbortSignal): Promise<Device> {
    let board = this.#board;
    if (board === undefined) {
      const device = await this.#source.open(signal);
      board = { device, chunks: device.chunks()[Symbol.asyncIterator](), next: undefined };
      this.#board = board;
    } else if (board.device.clock.nowMs() < this.#backAtMs) {
      const { name } = board.device.description;
      throw new DeviceError('PORT_MISSING', `${name}: unplugged by --faults`, 'it comes back by itself');
    }
    this.#replug?.();
    const plugged = new FaultyDevice(board, this.#faults, this.#random, this.#restartFrame, {
      unplugged: () => {
        this.#backAtMs = board.device.clock.nowMs() + this.#random() * LONGEST_ABSENCE_MS;
        this.#drain(board);
      },
      letGo: () => this.#drain(board),
      ended: () => this.#forget(board),
    });
    this.#plugged = plugged;
    return plugged;
  }

  async close(): Promise<void> {
    const board = this.#board;
    this.#board = undefined;
    this.#replug?.();
    this.#plugged?.letGo();
    await board?.device.close();
    await this.#source.close();
  }

  #forget(board: Board): void {
    if (this.#board !== board) return;
    this.#board = undefined;
    void board.device.close();
  }

  /** Nobody listens: what the board sends meanwhile is lost, and its time goes on. */
  #drain(board: Board): void {
    if (this.#board !== board) return;
    let plugged = false;
    const replugged = new Promise<undefined>((resolve) => {
      this.#replug = () => {
        plugged = true;
        resolve(undefined);
      };
    });
    const drain = async () => {
      while (!plugged) {
        const chunk = await nextChunk(board, replugged);
        if (chunk === undefined) return;
        if (chunk.done) return this.#forget(board);
      }
    };
    drain().catch(() => this.#forget(board));
  }
}

interface PortEvents {
  /** The cable was pulled. */
  unplugged(): void;
  /** The host closed the port. */
  letGo(): void;
  /** The device itself is gone. */
  ended(): void;
}

/** The port as the host has it open, from one plugging in to the next. */
class FaultyDevice implements Device {
  readonly clock: Clock;
  readonly description: DeviceDescription;
  readonly #board: Board;
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly #restartFrame: Uint8Array;
  readonly #events: PortEvents;
  readonly #toDevice: FaultyDirection;
  readonly #fromDevice: FaultyDirection;
  readonly #cutter = new FrameCutter();
  /** Frames that arrived at the host's end, and frames on their way to the device. */
  readonly #received: Uint8Array[] = [];
  readonly #sending: Uint8Array[] = [];
  /** Stalls under way in each direction; nothing gets through meanwhile. */
  #receivingStalls = 0;
  #sendingStalls = 0;
  #closed = false;
  #lost: DeviceError | undefined;
  #wake: () => void = () => {};
  #woken: Promise<undefined>;

  constructor(board: Board, faults: Faults, random: () => number, restartFrame: Uint8Array, events: PortEvents) {
    this.#board = board;
    this.#faults = faults;
    this.#random = random;
    this.#restartFrame = restartFrame;
    this.#events = events;
    this.clock = board.device.clock;
    this.description = board.device.description;
    this.#toDevice = new FaultyDirection(faults, random);
    this.#fromDevice = new FaultyDirection(faults, random);
    this.#woken = this.#renewWake();
  }

  get onConsoleLine(): ((line: string) => void) | undefined {
    return this.#board.device.onConsoleLine;
  }
  set onConsoleLine(listener: ((line: string) => void) | undefined) {
    this.#board.device.onConsoleLine = listener;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const board = this.#board;
    for (;;) {
      while (this.#received.length > 0 && this.#receivingStalls === 0) yield this.#received.shift()!;
      if (this.#closed) return;
      if (this.#lost) throw this.#lost;
      const arrived = await nextChunk(board, this.#woken).catch((error: unknown) => {
        this.#events.ended();
        throw error;
      });
      if (arrived === undefined) {
        this.#woken = this.#renewWake();
        continue;
      }
      if (arrived.done) {
        this.#events.ended();
        return;
      }
      for (const frame of this.#cutter.push(arrived.value)) this.#receive(frame);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) throw this.#lost;
    const { unplug, reset } = this.#faults;
    const [pulled, restarted] = [this.#random() < unplug, this.#random() < reset];
    if (restarted) this.#sending.push(this.#restartFrame);
    const { arriving, stallMs } = this.#toDevice.carry(bytes);
    this.#sending.push(...arriving);
    if (stallMs > 0) {
      this.#sendingStalls++;
      this.#after(stallMs, () => {
        this.#sendingStalls--;
        this.#flush();
      });
    }
    this.#flush();
    if (pulled) this.#pull();
  }

  /** The device lives on until the port's source is closed, as a board does. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const connected = this.#lost === undefined;
    this.letGo();
    if (connected) this.#events.letGo();
  }

  /** Ends `chunks`. */
  letGo(): void {
    this.#closed = true;
    this.#received.length = 0;
    this.#wake();
  }

  #pull(): void {
    const { name } = this.description;
    this.#lost = new DeviceError('DEVICE_LOST', `${name}: unplugged by --faults`, 'priot train --resume RUN');
    this.#received.length = 0;
    this.#sending.length = 0;
    this.#wake();
    this.#events.unplugged();
  }

  #receive(frame: Uint8Array): void {
    if (this.#lost || this.#closed) return;
    const { arriving, stallMs } = this.#fromDevice.carry(frame);
    this.#received.push(...arriving);
    if (stallMs === 0) return;
    this.#receivingStalls++;
    this.#after(stallMs, () => {
      this.#receivingStalls--;
      this.#wake();
    });
  }

  #flush(): void {
    if (this.#lost || this.#closed || this.#sendingStalls > 0) return;
    for (const bytes of this.#sending.splice(0)) this.#board.device.write(bytes).catch(() => {});
  }

  /** A clock that ends with its device ends the wait. */
  #after(ms: number, over: () => void): void {
    this.clock.delay(ms).then(over, over);
  }

  #renewWake(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
    });
  }
}
