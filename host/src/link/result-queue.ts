/** Results on their way from the line's handlers, which must not wait, to a `for await` loop, which may. */
export class ResultQueue<T> implements AsyncIterableIterator<T> {
  readonly #start: () => void;
  readonly #stop: () => void;
  #started = false;
  #values: T[] = [];
  #head = 0;
  #outcome: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /**
   * Makes an empty queue.
   * @param start called when the first result is asked for
   * @param stop called when the loop is left early: nothing new is to be begun; `end` follows once all is quiet
   */
  constructor(start: () => void, stop: () => void) {
    this.#start = start;
    this.#stop = stop;
  }

  get ended(): boolean {
    return this.#outcome !== undefined;
  }

  push(value: T): void {
    this.#values.push(value);
    this.#wake?.();
  }

  end(): void {
    this.#outcome ??= {};
    this.#wake?.();
  }

  /** Ends with an error, thrown after the results before it. */
  fail(error: unknown): void {
    this.#outcome ??= { error };
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (!this.#started) {
      this.#started = true;
      this.#start();
    }
    while (this.#head === this.#values.length) {
      if (this.#outcome) return this.#finish(this.#outcome);
      await this.#woken();
    }
    const value = this.#values[this.#head++]!;
    if (this.#head === this.#values.length) {
      this.#values = [];
      this.#head = 0;
    }
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#stop();
    while (this.#started && !this.#outcome) await this.#woken();
    this.#values = [];
    this.#head = 0;
    this.#started = true;
    return this.#finish(this.#outcome ?? {});
  }

  #finish(outcome: { error?: unknown }): IteratorResult<T, undefined> {
    this.#outcome = {};
    if (outcome.error !== undefined) throw outcome.error;
    return { done: true, value: undefined };
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
