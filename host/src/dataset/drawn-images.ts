/**
 * Keeps drawn images in the cache folder: reading and checking them takes a tenth of the time that drawing them takes,
 * and every process of a session needs them.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { makeFolder, sha256 } from '../files.js';

/** A place for images of one kind, which are known by their checksum. */
export class DrawnImages {
  /** @param folder the folder of the cache; it is made when something is kept */
  constructor(private readonly folder: string) {}

  /** Returns the bytes with this SHA-256 in hexadecimal; undefined where they are not kept, or are damaged. */
  read(checksum: string): Uint8Array | undefined {
    try {
      const bytes = readFileSync(this.#path(checksum));
      return sha256(bytes) === checksum ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps the bytes of all parts under their checksum. Where the folder takes no files, nothing is kept. */
  keep(checksum: string, parts: readonly Uint8Array[]): void {
    const path = this.#path(checksum);
    // several processes may write it at once: each writes a file of its own, and the last rename stays
    const aside = `${path}.${process.pid}-${threadId}`;
    try {
      makeFolder(this.folder);
      writeFileSync(aside, Buffer.concat(parts));
      renameSync(aside, path);
    } catch {
      try {
        rmSync(aside, { force: true });
      } catch {
        // what cannot be written cannot be removed either
      }
    }
  }

  #path(checksum: string): string {
    return join(this.folder, checksum.slice(0, 16));
  }
}
