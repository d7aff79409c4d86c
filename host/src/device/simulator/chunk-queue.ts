import { concatenate } from './concatenate.js';

/** Chunks from a producer that calls to a consumer that awaits. */
export class ChunkQueue implements AsyncIterableIterator<Uint8Array> {
  #chunks: Uint8Array[] = [];
  #end: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(chunk: Uint8Array): void {
    if (this.#end) return;
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** The consumer gets what is queued, then the end. */
  end(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  /** The consumer gets what is queued, then the error. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Everything queued so far, as one chunk. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (this.#chunks.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    const chunks = this.#chunks;
    if (chunks.length > 0) {
      this.#chunks = [];
      return { done: false, value: chunks.length === 1 ? chunks[0]! : concatenate(chunks) };
    }
    if (this.#end && 'error' in this.#end) throw this.#end.error;
    return { done: true, value: undefined };
  }
}
