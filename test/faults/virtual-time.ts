import type { Clock } from '#host/device/device.js';

interface Sleeper {
  readonly untilMs: number;
  wake(): void;
}

/**
 * Turns of the event loop without anything happening after which only time can bring anything new. A link takes one for
 * each frame, and a window of frames may arrive at once, doubled.
 */
const QUIET_TURNS = 64;

/** Time that stands still while anything happens, and goes on to the next timer when nothing does. */
export class VirtualTime implements Clock {
  #nowMs = 0;
  #quietTurns = 0;
  #sleepers: Sleeper[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  /** Something happened. */
  stir(): void {
    this.#quietTurns = 0;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    this.stir();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { untilMs: this.#nowMs + ms, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets time pass until `work` is done; fails when it never will be, or not by `limitMs`. */
  async run<T>(work: Promise<T>, limitMs: number): Promise<T> {
    let settled = false;
    const done = work.finally(() => {
      settled = true;
    });
    done.catch(() => {});
    while (!settled) {
      await new Promise(setImmediate);
      if (++this.#quietTurns < QUIET_TURNS) continue;
      const next = this.#sleepers.reduce<Sleeper | undefined>(
        (first, other) => (first && first.untilMs <= other.untilMs ? first : other),
        undefined,
      );
      if (next === undefined) throw new Error(`hangs at ${this.#nowMs} ms: nothing is awaited that could come`);
      if (next.untilMs > limitMs) throw new Error(`not done after ${limitMs} ms`);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      this.stir();
      next.wake();
    }
    return done;
  }
}
