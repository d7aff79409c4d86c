/** NOR flash: erasing sets bits, programming clears them. Outlives the boots of the board it is on. */

export const SECTOR_BYTES = 4096;
export const PAGE_BYTES = 256;

export class SimulatedFlash {
  /** Those that were programmed since they were erased; the others are all ones. */
  readonly #sectors = new Map<number, Uint8Array>();

  read(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = (offset + done) % SECTOR_BYTES;
      const count = Math.min(bytes.length - done, SECTOR_BYTES - at);
      const sector = this.#sectors.get(offset + done - at);
      if (sector) bytes.set(sector.subarray(at, at + count), done);
      else bytes.fill(0xff, done, done + count);
      done += count;
    }
  }

  /** `offset` is a sector's. */
  eraseSector(offset: number): void {
    this.#sectors.delete(offset);
  }

  /** Programs at most a page, within one. */
  program(offset: number, bytes: Uint8Array): void {
    const at = offset % SECTOR_BYTES;
    const sector = this.#sectors.get(offset - at) ?? new Uint8Array(SECTOR_BYTES).fill(0xff);
    this.#sectors.set(offset - at, sector);
    bytes.forEach((byte, index) => {
      sector[at + index]! &= byte;
    });
  }
}
