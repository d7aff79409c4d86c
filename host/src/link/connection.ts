/**
 * A device and the way back to it: one link after another to the same board, each as good as the last. What a session
 * left on the device, and whether it is still there, is the session's business.
 */
import type { Device } from '../device/device.js';
import type { DeviceSource } from '../device/source.js';
import { DeviceError, isPassing, isRecoverable } from '../errors.js';
import { Link, type LinkOptions, type LinkStatistics } from './link.js';

/** The waits before each attempt to get the device back, in milliseconds of its clock: a minute in all. */
const BACKOFF_MS = [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;
/**
 * The number of these waits for a device that goes away while it is greeted for the first time: nothing is known of it
 * that is worth more.
 */
const OPENING_ATTEMPTS = 5;

/** An attempt to get a lost device back. */
export interface Attempt {
  /** The device as the user named it. */
  readonly name: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly of: number;
  /** The wait until it begins, in milliseconds of the device's clock. */
  readonly waitMs: number;
  /** What the attempt before ended with, or the loss itself. */
  readonly cause: DeviceError;
}

export interface ConnectionOptions extends LinkOptions {
  /** Called before each attempt to get a lost device back. */
  onAttempt?: (attempt: Attempt) => void;
}

/** A device was lost that may come back. */
export class Loss {
  constructor(readonly error: DeviceError) {}
}

async function* once<T>(result: Promise<T>): AsyncGenerator<T> {
  yield await result;
}

export class Connection {
  readonly #source: DeviceSource | undefined;
  readonly #options: ConnectionOptions;
  #link: Link;
  #earlier: LinkStatistics = { frames: 0, crcErrors: 0, retries: 0, timeouts: 0, roundTrips: 0, roundTripMs: 0 };
  /** Attempts to get the device back since it last got something done. */
  #attempts = 0;

  private constructor(link: Link, source: DeviceSource | undefined, options: ConnectionOptions) {
    this.#link = link;
    this.#source = source;
    this.#options = options;
  }

  /**
   * Opens a device and greets it; one that goes away meanwhile is given some seconds to come back.
   * @throws what opening a device and Link.open throw
   */
  static async open(source: DeviceSource, options: ConnectionOptions = {}): Promise<Connection> {
    try {
      const device = await source.open(options.signal);
      const link = await Link.open(device, options).catch((error: unknown) => {
        if (!(error instanceof DeviceError && error.code === 'DEVICE_LOST')) throw error;
        let attempts = 0;
        return reopen(source, options, {
          device,
          cause: error,
          attempts: OPENING_ATTEMPTS,
          attempt: () => attempts++,
          what: 'it went away while it was greeted',
          remedy: 'plug it in again; see what is plugged in: priot devices',
        });
      });
      return new Connection(link, source, options);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Makes a connection of one link; when it is lost, so is the connection. */
  static over(link: Link): Connection {
    return new Connection(link, undefined, {});
  }

  /** The link of now; it is another one after `recover`. */
  get link(): Link {
    return this.#link;
  }

  /** What all links saw together. */
  get statistics(): LinkStatistics {
    return add(this.#earlier, this.#link.statistics);
  }

  /** Whether `recover` would try. */
  canRecover(error: unknown): error is DeviceError {
    return this.#source !== undefined && isRecoverable(error);
  }

  /** The device got something done that it had not done before: the next loss has all attempts again. */
  progressed(): void {
    this.#attempts = 0;
  }

  /**
   * Recovers from `error`: closes the link and opens another one to the same board.
   * @throws `error` when the device cannot come back from it; DeviceError DEVICE_LOST after the last attempt; what
   * opening throws that does not pass by itself; the signal's reason
   */
  async recover(error: unknown, signal?: AbortSignal): Promise<void> {
    if (!this.canRecover(error)) throw error;
    const lost = this.#link;
    await lost.close();
    const options = { ...this.#options, ...(signal && { signal }) };
    const link = await reopen(this.#source!, options, {
      device: lost.device,
      cause: error,
      boardId: lost.hello.boardId,
      attempts: BACKOFF_MS.length,
      attempt: () => this.#attempts++,
      what: 'lost',
      remedy: 'plug it in again; a training run goes on with: priot train --resume RUN',
    });
    this.#earlier = add(this.#earlier, lost.statistics);
    this.#link = link;
  }

  /**
   * Does `work` until it has run to its end. After each loss of the device a Loss is yielded, the device is brought back,
   * and the work is begun anew; what it has reached by then is for it to know.
   * @param work is told the link and whether the device was lost since it last began
   * @throws what `work` throws that the device does not come back from; what `recover` throws
   */
  async *persistently<E>(
    work: (link: Link, again: boolean) => AsyncIterable<E>,
    signal?: AbortSignal,
  ): AsyncGenerator<E | Loss> {
    for (let again = false; ; again = true) {
      try {
        return yield* work(this.#link, again);
      } catch (error) {
        if (!this.canRecover(error)) throw error;
        yield new Loss(error);
        await this.recover(error, signal);
      }
    }
  }

  /** Does what `persistently` does, for work that has one result. */
  async untilDone<T>(work: (link: Link) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for await (const result of this.persistently((link) => once(work(link)), signal)) {
      if (!(result instanceof Loss)) return result;
    }
    throw new Error('the work has ended without its result');
  }

  /** Closes the device too. Idempotent. */
  async close(): Promise<void> {
    await this.#link.close();
    await this.#source?.close();
  }
}

interface LostDevice {
  /** The device as it was; its clock times the way back. */
  readonly device: Device;
  readonly cause: DeviceError;
  /** The board that it must be; left out: any. */
  readonly boardId?: Uint8Array;
  /** How many attempts it is worth, at most as many as there are waits. */
  readonly attempts: number;
  /** Numbers the attempts, from 0. */
  attempt(): number;
  /** What the error after the last of them says: what happened, and what the user can do. */
  readonly what: string;
  readonly remedy: string;
}

async function reopen(source: DeviceSource, options: ConnectionOptions, loss: LostDevice): Promise<Link> {
  const { clock, description } = loss.device;
  let last = loss.cause;
  for (let attempt = loss.attempt(); attempt < loss.attempts; attempt = loss.attempt()) {
    const backoffMs = BACKOFF_MS[attempt]!;
    options.onAttempt?.({
      name: description.name,
      attempt: attempt + 1,
      of: loss.attempts,
      waitMs: backoffMs,
      cause: last,
    });
    // The clock of a device that is gone for good ends its waits at once.
    if (backoffMs > 0) await clock.delay(backoffMs, options.signal).catch(() => {});
    options.signal?.throwIfAborted();
    try {
      return await openSameBoard(source, options, loss.boardId);
    } catch (error) {
      if (!isPassing(error)) throw error;
      last = error;
    }
  }
  throw new DeviceError(
    'DEVICE_LOST',
    `${description.name}: ${loss.what}, and is not back after ${loss.attempts} attempts: ${last.message}`,
    loss.remedy,
    { cause: loss.cause },
  );
}

async function openSameBoard(source: DeviceSource, options: LinkOptions, boardId?: Uint8Array): Promise<Link> {
  const device = await source.open(options.signal);
  const link = await Link.open(device, options);
  if (boardId === undefined || Buffer.compare(link.hello.boardId, boardId) === 0) return link;
  await link.close();
  throw new DeviceError(
    'BOARD_DIFFERS',
    `${device.description.name}: this is another board than before`,
    'plug the one in that the run began on',
  );
}

function add(one: LinkStatistics, other: LinkStatistics): LinkStatistics {
  const roundTrips = one.roundTrips + other.roundTrips;
  const roundTripsMs = one.roundTrips * one.roundTripMs + other.roundTrips * other.roundTripMs;
  return {
    frames: one.frames + other.frames,
    crcErrors: one.crcErrors + other.crcErrors,
    retries: one.retries + other.retries,
    timeouts: one.timeouts + other.timeouts,
    roundTrips,
    roundTripMs: roundTrips > 0 ? roundTripsMs / roundTrips : 0,
  };
}
