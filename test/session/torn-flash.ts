import { SECTOR_BYTES } from '#host/device/simulator/simulated-flash.js';
import type { Flash } from './board.js';

const ERASED = new Uint8Array(SECTOR_BYTES).fill(0xff);

/** One erasure or programming of flash. */
export interface FlashOperation {
  readonly offset: number;
  /** What is programmed; left out: a sector is erased. */
  readonly page?: Uint8Array;
}

export const operationBytes = ({ page }: FlashOperation) => page?.length ?? SECTOR_BYTES;

/** What a byte becomes by an operation that is carried out to its end. */
function written({ page }: FlashOperation, index: number, before: number): number {
  return page === undefined ? 0xff : before & page[index]!;
}

/** What it may read as when the power fails meanwhile: some of the bits that change have, others have not. */
function torn(before: number, after: number, random: number): number {
  return before ^ ((before ^ after) & random);
}

/** Flash whose bytes can be had in any state; it notes what is done to it. */
export class TornFlash implements Flash {
  operations: FlashOperation[] = [];
  /** The power fails before this one; the board throws. */
  failsBefore = Number.POSITIVE_INFINITY;
  #sectors = new Map<number, Uint8Array>();

  /** The same contents, nothing noted. */
  copy(): TornFlash {
    const copy = new TornFlash();
    for (const [offset, bytes] of this.#sectors) copy.#sectors.set(offset, bytes.slice());
    return copy;
  }

  read(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = (offset + done) % SECTOR_BYTES;
      const count = Math.min(bytes.length - done, SECTOR_BYTES - at);
      const sector = this.#sectors.get(offset + done - at) ?? ERASED;
      bytes.set(sector.subarray(at, at + count), done);
      done += count;
    }
  }

  eraseSector(offset: number): void {
    this.#note({ offset });
  }

  program(offset: number, page: Uint8Array): void {
    this.#note({ offset, page: page.slice() });
  }

  flip(offset: number, bits: number): void {
    const at = offset % SECTOR_BYTES;
    const sector = this.#sectors.get(offset - at);
    if (sector) sector[at]! ^= bits;
  }

  apply(operation: FlashOperation): void {
    this.applyUpTo(operation, operationBytes(operation), 0);
  }

  /** The first `count` bytes are done, the next one is torn. */
  applyUpTo(operation: FlashOperation, count: number, random: number): void {
    this.#change(operation, (index, before) => {
      const after = written(operation, index, before);
      return index < count ? after : index > count ? before : torn(before, after, random);
    });
  }

  /** Every byte is torn by itself. */
  applyTorn(operation: FlashOperation, random: () => number): void {
    this.#change(operation, (index, before) => torn(before, written(operation, index, before), random()));
  }

  #note(operation: FlashOperation): void {
    if (this.operations.length >= this.failsBefore) throw new Error('the power failed');
    this.operations.push(operation);
    this.apply(operation);
  }

  #change(operation: FlashOperation, byte: (index: number, before: number) => number): void {
    const at = operation.offset % SECTOR_BYTES;
    const sector = this.#sectors.get(operation.offset - at) ?? ERASED.slice();
    this.#sectors.set(operation.offset - at, sector);
    for (let index = 0; index < operationBytes(operation); index++) {
      sector[at + index] = byte(index, sector[at + index]!);
    }
  }
}
