/** Firmware images: UF2, ELF and flat binaries, checked, as the flash of a Pico holds them. */

import { DataError } from '../../errors.js';
import { FLASH_BYTES, FLASH_START } from './memory.js';

const UF2_BLOCK_BYTES = 512;
const UF2_MAGIC = [0x0a324655, 0x9e5d5157, 0x0ab16f30] as const;
const UF2_FLAG_NOT_MAIN_FLASH = 1;
const UF2_FLAG_FAMILY = 0x2000;
const UF2_FAMILY_RP2040 = 0xe48bff56;
const UF2_MAX_PAYLOAD_BYTES = 476;

const ELF_MAGIC = 0x464c457f;
const ELF_MACHINE_ARM = 40;
const ELF_HEADER_BYTES = 52;
const ELF_SEGMENT_BYTES = 32;
const ELF_SEGMENT_LOAD = 1;

function damaged(name: string, why: string): DataError {
  return new DataError(
    'FIRMWARE_IMAGE_INVALID',
    `${name} is not a firmware image for the Pico: ${why}`,
    'build the firmware with `make firmware`',
  );
}

function place(flash: Uint8Array, data: Uint8Array, address: number, name: string): void {
  const offset = address - FLASH_START;
  if (offset < 0 || offset + data.length > FLASH_BYTES) {
    throw damaged(name, `bytes at 0x${address.toString(16)} are outside the 2 MB of flash`);
  }
  flash.set(data, offset);
}

function placeUf2(flash: Uint8Array, file: Uint8Array, view: DataView, name: string): void {
  if (file.length % UF2_BLOCK_BYTES !== 0) throw damaged(name, 'its length is no multiple of 512 bytes');
  const blocks = file.length / UF2_BLOCK_BYTES;
  for (let i = 0; i < blocks; i++) {
    const at = i * UF2_BLOCK_BYTES;
    const magics = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 508, true)];
    if (magics.some((magic, k) => magic !== UF2_MAGIC[k])) throw damaged(name, `block ${i} has wrong magic numbers`);
    const flags = view.getUint32(at + 8, true);
    if (flags & UF2_FLAG_NOT_MAIN_FLASH) continue;
    if (flags & UF2_FLAG_FAMILY && view.getUint32(at + 28, true) !== UF2_FAMILY_RP2040) {
      throw damaged(name, `block ${i} is for another chip family`);
    }
    const bytes = view.getUint32(at + 16, true);
    if (bytes > UF2_MAX_PAYLOAD_BYTES) throw damaged(name, `block ${i} says it holds ${bytes} bytes`);
    if (view.getUint32(at + 20, true) !== i || view.getUint32(at + 24, true) !== blocks) {
      throw damaged(name, `block ${i} of ${blocks} has another number`);
    }
    place(flash, file.subarray(at + 32, at + 32 + bytes), view.getUint32(at + 12, true), name);
  }
}

function placeElf(flash: Uint8Array, file: Uint8Array, view: DataView, name: string): void {
  if (
    file.length < ELF_HEADER_BYTES ||
    file[4] !== 1 ||
    file[5] !== 1 ||
    view.getUint16(18, true) !== ELF_MACHINE_ARM
  ) {
    throw damaged(name, 'not a 32-bit little-endian Arm ELF file');
  }
  const start = view.getUint32(28, true);
  const entryBytes = view.getUint16(42, true);
  const count = view.getUint16(44, true);
  if (entryBytes < ELF_SEGMENT_BYTES || start + count * entryBytes > file.length) {
    throw damaged(name, 'its program headers are cut off');
  }
  for (let i = 0; i < count; i++) {
    const at = start + i * entryBytes;
    const offset = view.getUint32(at + 4, true);
    const bytes = view.getUint32(at + 16, true);
    if (view.getUint32(at, true) !== ELF_SEGMENT_LOAD || bytes === 0) continue;
    if (offset + bytes > file.length) throw damaged(name, `segment ${i} is cut off`);
    place(flash, file.subarray(offset, offset + bytes), view.getUint32(at + 12, true), name);
  }
}

/** The whole flash, 2 MB, with the image in it and 0xff elsewhere. `name` is for messages. Throws DataError. */
export function flashOfImage(file: Uint8Array, name: string): Uint8Array {
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < UF2_BLOCK_BYTES) throw damaged(name, `it has only ${file.length} bytes`);
  const magic = view.getUint32(0, true);
  if (magic === UF2_MAGIC[0]) placeUf2(flash, file, view, name);
  else if (magic === ELF_MAGIC) placeElf(flash, file, view, name);
  else if (name.endsWith('.bin')) place(flash, file, FLASH_START, name);
  else throw damaged(name, 'neither UF2 nor ELF');
  if (flash.subarray(0, 256).every((byte) => byte === 0xff)) throw damaged(name, 'it has no second stage boot code');
  return flash;
}
