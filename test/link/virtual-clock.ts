import type { Clock } from '#host/device/device.js';

/** Time that passes only when told to. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #sleepers: { untilMs: number; wake: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        const index = this.#sleepers.indexOf(sleeper);
        if (index >= 0) this.#sleepers.splice(index, 1);
        reject(signal.reason);
      });
    });
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#sleepers.length;
  }

  /** Goes on to the next timer that is due, if there is one. */
  advance(): boolean {
    this.#sleepers.sort((a, b) => a.untilMs - b.untilMs);
    const next = this.#sleepers.shift();
    if (!next) return false;
    this.#nowMs = Math.max(this.#nowMs, next.untilMs);
    next.wake();
    return true;
  }
}
