/** Firmware images: UF2, ELF and flat binaries, checked, as the flash of a Pico holds them. */

import { DataError } from '../../errors.js';
import { FLASH_BYTES, FLASH_START } from './memory.js';

const UF2_BLOCK_BYTES = 512;
const UF2_MAGIC = [0x0a324655, 0x9e5d5157, 0x0ab16f30] as const;
const UF2_FLAG_NOT_MAIN_FLASH = 1;
const UF2_FLAG_FAMILY = 0x2000;
const UF2_FAMILY_RP2040 = 0xe48bff56;
const UF2_FAMILY_NAMES: Readonly<Record<number, string>> = {
  3834380119: 'RP2350',
  3834380121: 'RP2350',
  3834380122: 'RP2350',
  3834380123: 'RP2350',
};
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

interface Uf2Block {
  readonly number: number;
  /** Blocks of its program, as it says. */
  readonly of: number;
  readonly address: number;
  readonly data: Uint8Array;
}

/** The function reads the blocks for the RP2040; a file may hold programs for other chips beside it. */
function readUf2(file: Uint8Array, view: DataView, name: string): Uf2Block[] {
  const blocks: Uf2Block[] = [];
  const others = new Set<string>();
  for (let at = 0; at + UF2_BLOCK_BYTES <= file.length; at += UF2_BLOCK_BYTES) {
    const where = `block ${at / UF2_BLOCK_BYTES}`;
    const magics = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 508, true)];
    if (magics.some((magic, k) => magic !== UF2_MAGIC[k])) throw damaged(name, `${where} has wrong magic numbers`);
    const flags = view.getUint32(at + 8, true);
    if (flags & UF2_FLAG_NOT_MAIN_FLASH) continue;
    const family = view.getUint32(at + 28, true);
    if (flags & UF2_FLAG_FAMILY && family !== UF2_FAMILY_RP2040) {
      others.add(UF2_FAMILY_NAMES[family] ?? `0x${family.toString(16)}`);
      continue;
    }
    const bytes = view.getUint32(at + 16, true);
    if (bytes > UF2_MAX_PAYLOAD_BYTES) throw damaged(name, `${where} says it holds ${bytes} bytes`);
    const [address, number, of] = [12, 20, 24].map((offset) => view.getUint32(at + offset, true)) as [
      number,
      number,
      number,
    ];
    blocks.push({ number, of, address, data: file.subarray(at + 32, at + 32 + bytes) });
  }
  if (blocks.length === 0 && others.size > 0) {
    throw damaged(name, `it is for another chip family: ${[...others].join(', ')}`);
  }
  return blocks;
}

function placeUf2(flash: Uint8Array, file: Uint8Array, view: DataView, name: string): void {
  const blocks = readUf2(file, view, name);
  const first = blocks[0];
  // a file with several programs numbers the blocks of each, or all of them from its beginning
  for (const [index, { number, of }] of blocks.entries()) {
    if (of !== first!.of || number !== first!.number + index) {
      throw damaged(name, `its block ${index} for the RP2040 calls itself ${number} of ${of}`);
    }
  }
  const wholeFile = first !== undefined && first.of === Math.floor(file.length / UF2_BLOCK_BYTES);
  if (first !== undefined && first.number !== 0 && !wholeFile) {
    throw damaged(name, `its first block for the RP2040 calls itself ${first.number} of ${first.of}`);
  }
  const cut = file.length % UF2_BLOCK_BYTES !== 0;
  if (cut || first === undefined || !(wholeFile || first.of === blocks.length)) {
    const of = first ? ` of ${first.of}` : '';
    throw damaged(name, `it ends early: it has ${blocks.length}${of} blocks for the RP2040`);
  }
  for (const { address, data } of blocks) place(flash, data, address, name);
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

/** Returns the whole flash, 2 MB, with the image in it and 0xff elsewhere. `name` is for messages. Throws DataError. */
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
