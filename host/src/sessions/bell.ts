/** Waiting for something to come that somebody else sees first. */

/** A bell that wakes whoever waits for it. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  /** Wakes all who wait. */
  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Waits until it rings, so many milliseconds have passed, or the signal aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}
