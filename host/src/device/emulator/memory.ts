/**
 * The memories of the emulated Pico in one buffer, so that the hot loop fetches and loads through one typed array.
 *
 *     gap | flash 2 MB | gap | SRAM 264 KB | gap | boot ROM 16 KB | gap
 *
 * A gap is longer than any branch of two bytes reaches and holds undefined instructions: code that runs off the end of
 * a region meets one, leaves the hot loop, and faults at its real address.
 */

export const FLASH_START = 0x10000000;
export const FLASH_BYTES = 2 * 1024 * 1024;
export const SRAM_START = 0x20000000;
export const SRAM_BYTES = 264 * 1024;
export const ROM_BYTES = 16 * 1024;

const GAP_BYTES = 4096;
/** UDF #0xde: permanently undefined. */
const GAP_FILL = 0xde;

/** Byte offsets of the regions in `Memory.buffer`. */
export const FLASH_OFFSET = GAP_BYTES;
export const SRAM_OFFSET = FLASH_OFFSET + FLASH_BYTES + GAP_BYTES;
export const ROM_OFFSET = SRAM_OFFSET + SRAM_BYTES + GAP_BYTES;
const BUFFER_BYTES = ROM_OFFSET + ROM_BYTES + GAP_BYTES;

export class Memory {
  readonly buffer = new ArrayBuffer(BUFFER_BYTES);
  /** What the flash chip holds, 0xff where erased. */
  readonly flash = new Uint8Array(this.buffer, FLASH_OFFSET, FLASH_BYTES);
  readonly sram = new Uint8Array(this.buffer, SRAM_OFFSET, SRAM_BYTES);
  readonly rom = new Uint8Array(this.buffer, ROM_OFFSET, ROM_BYTES);

  /**
   * Lays out the memories.
   * @param rom the boot ROM, at most 16 KB;
   * @param flash the whole flash, 2 MB
   */
  constructor(rom: Uint8Array, flash: Uint8Array) {
    new Uint8Array(this.buffer).fill(GAP_FILL);
    this.flash.set(flash);
    this.sram.fill(0);
    this.rom.fill(0);
    this.rom.set(rom);
  }
}
