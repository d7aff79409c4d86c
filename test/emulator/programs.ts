/** Small programs for the emulated core, as instructions by hand, and the files of the build that tests need. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { flashOfImage } from '#host/device/emulator/image.js';
import { FLASH_BYTES } from '#host/device/emulator/memory.js';

export const firmwarePath = fileURLToPath(new URL('../../dist/firmware/priot.uf2', import.meta.url));

export function shimRom(): Uint8Array {
  return readFileSync(new URL('../../dist/firmware/shimrom.bin', import.meta.url));
}

export function firmwareFlash(): Uint8Array {
  return flashOfImage(readFileSync(firmwarePath), 'priot.uf2');
}

/** Where the boot ROM puts the first 256 bytes of flash, and enters them: the end of SRAM. */
export const SECOND_STAGE = 0x20041f00;

/** A flash whose second stage, at most 256 bytes, is `halfwords`. Execute-in-place is on, with the plainest read. */
export function flashOf(halfwords: readonly number[]): Uint8Array {
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  flash.set(new Uint8Array(Uint16Array.from(halfwords).buffer));
  return flash;
}

/** LDR Rt, [PC, #…] of `values`, one per register from r0 on, then `code`; the values follow it, aligned. */
export function withRegisters(values: readonly number[], code: readonly number[]): number[] {
  const length = values.length + code.length;
  const pool = length + (length & 1);
  const loads = values.map((_, i) => 0x4800 | (i << 8) | ((pool * 2 + i * 4 - ((i * 2 + 4) & ~3)) >> 2));
  const padding = length & 1 ? [0xbf00] : [];
  return [...loads, ...code, ...padding, ...values.flatMap((value) => [value & 0xffff, value >>> 16])];
}

/** Endless loop: B to itself. */
export const FOREVER = 0xe7fe;

/** xorshift32, so that a failing case can be repeated. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
