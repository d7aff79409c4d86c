/** Appends lines to a file in batches, so that ten thousand events per second cost next to nothing. */

import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { storageError, syncFile, writeFully } from '../files.js';

const batchCharacters = 65_536;
const batchMs = 250;

/**
 * Lines reach the file at least every 64 KB, or with the first line that comes 250 ms after the batch began, and on
 * `flush`. Once a write has failed the file is cut back to whole lines and nothing more is written to it.
 */
export class LineWriter {
  private readonly file: number;
  private pending = '';
  private pendingSince = 0;
  private size: number;
  private failure: Error | undefined;
  private closed = false;

  constructor(
    private readonly path: string,
    private readonly remedy: string,
  ) {
    try {
      this.file = openSync(path, 'a');
      this.size = fstatSync(this.file).size;
    } catch (error) {
      throw storageError(error, path, remedy);
    }
  }

  /** The bytes of the file, as far as it was written. */
  get bytes(): number {
    return this.size;
  }

  /**
   * Appends a line.
   * @param line without its line feed
   */
  append(line: string): void {
    if (this.failure !== undefined) throw this.failure;
    const now = performance.now();
    if (this.pending === '') this.pendingSince = now;
    this.pending += `${line}\n`;
    if (this.pending.length >= batchCharacters || now - this.pendingSince >= batchMs) this.flush();
  }

  flush(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.pending === '') return;
    const bytes = Buffer.from(this.pending);
    this.pending = '';
    try {
      writeFully(this.file, bytes);
    } catch (error) {
      this.failure = storageError(error, this.path, this.remedy);
      this.cutBack();
      throw this.failure;
    }
    this.size += bytes.length;
  }

  /** Flushes, and waits until the lines are on the disk. */
  sync(): void {
    this.flush();
    try {
      syncFile(this.file);
    } catch (error) {
      throw storageError(error, this.path, this.remedy);
    }
  }

  /** Flushes, then drops all bytes from `size` on. */
  truncate(size: number): void {
    this.flush();
    try {
      ftruncateSync(this.file, size);
    } catch (error) {
      throw storageError(error, this.path, this.remedy);
    }
    this.size = size;
  }

  /** Closes the file. Idempotent; does not throw again for a write that failed before. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      if (this.failure === undefined) this.flush();
    } finally {
      closeSync(this.file);
    }
  }

  private cutBack(): void {
    try {
      ftruncateSync(this.file, this.size);
    } catch {
      // The torn line stays; it is recognised when the run is opened next.
    }
  }
}
