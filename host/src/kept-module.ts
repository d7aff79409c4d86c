/** A WebAssembly module that is compiled once for all who use it one after another. */

/**
 * The module of a file, kept in this thread. Compiling costs half a second of processor time, most of it in threads beside
 * once it is known which functions are busy: as much as a short session takes.
 */
export class KeptModule {
  #bytes: Buffer | undefined;
  #module: Promise<WebAssembly.Module> | undefined;

  /** Compiles the bytes, unless they are those of last time. Rejects when they are no module. */
  compile(bytes: Buffer<ArrayBuffer>): Promise<WebAssembly.Module> {
    if (this.#module === undefined || this.#bytes?.equals(bytes) !== true) {
      this.#bytes = bytes;
      this.#module = WebAssembly.compile(bytes);
    }
    return this.#module;
  }
}
