import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { flashOfImage } from '#host/device/emulator/image.js';
import { firmwareFlash, firmwarePath } from './programs.js';

const uf2 = () => new Uint8Array(readFileSync(firmwarePath));
const sibling = (extension: string) => new Uint8Array(readFileSync(firmwarePath.replace(/uf2$/, extension)));
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'FIRMWARE_IMAGE_INVALID', message: expect.stringMatching(message) });
const errorOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

const BLOCK = 512;
const RP2350 = 0xe48bff59;

/** The image with another chip's name on every block. */
function ofFamily(file: Uint8Array, family: number): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset);
  for (let at = 0; at < file.length; at += BLOCK) view.setUint32(at + 28, family, true);
  return file;
}

function without(file: Uint8Array, block: number): Uint8Array {
  return Uint8Array.from([...file.subarray(0, block * BLOCK), ...file.subarray((block + 1) * BLOCK)]);
}

/** Numbers the blocks from `first` on, of `total`. */
function numbered(file: Uint8Array, first: number, total: number): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset);
  for (let at = 0; at < file.length; at += BLOCK) {
    view.setUint32(at + 20, first + at / BLOCK, true);
    view.setUint32(at + 24, total, true);
  }
  return file;
}

test.each([
  ['before', true],
  ['behind', false],
])('of a file with programs for other chips %s it, the RP2040 gets its own', (_, before) => {
  const [own, other] = [uf2(), ofFamily(uf2().fill(0x55, 32, 32 + 256), RP2350)];
  const both = Buffer.concat(before ? [other, own] : [own, other]);
  expect(Buffer.compare(flashOfImage(both, 'x.uf2'), firmwareFlash())).toBe(0);

  const blocks = own.length / BLOCK;
  numbered(own, before ? blocks : 0, 2 * blocks);
  numbered(other, before ? 0 : blocks, 2 * blocks);
  const asOne = Buffer.concat(before ? [other, own] : [own, other]);
  expect(Buffer.compare(flashOfImage(asOne, 'x.uf2'), firmwareFlash())).toBe(0);
});

test('UF2, ELF and bin hold the same program', () => {
  const code = firmwareFlash().subarray(0, 32_768);
  expect(Buffer.compare(flashOfImage(sibling('elf'), 'priot.elf').subarray(0, 32_768), code)).toBe(0);
  expect(Buffer.compare(flashOfImage(sibling('bin'), 'priot.bin').subarray(0, 32_768), code)).toBe(0);
});

test.each<[string, (file: Uint8Array) => Uint8Array, RegExp]>([
  ['cut off', (file) => file.subarray(0, file.length - 100), /ends early: it has \d+ of \d+ blocks/],
  ['cut off between blocks', (file) => file.subarray(0, file.length - 1024), /ends early: it has \d+ of \d+ blocks/],
  ['its first block missing', (file) => file.subarray(512), /first block .* calls itself 1 of/],
  ['a block missing', (file) => without(file, 7), /block 7 .* calls itself 8 of/],
  ['wrong magic', (file) => file.fill(0, 512 + 508, 1024), /block 1 has wrong magic/],
  ['another chip', (file) => ofFamily(file, RP2350), /another chip family: RP2350/],
  ['a payload too long', (file) => file.fill(255, 16, 18), /says it holds/],
  ['an address outside flash', (file) => file.fill(0x20, 12, 16), /outside the 2 MB/],
  ['empty', () => new Uint8Array(), /only 0 bytes/],
  ['something else', () => new Uint8Array(4096).fill(0x41), /neither UF2 nor ELF/],
])('a damaged UF2 is refused: %s', (_, damage, message) => {
  expect(errorOf(() => flashOfImage(damage(uf2()), 'x.uf2'))).toEqual(invalid(message));
});

test('a damaged ELF is refused', () => {
  expect(errorOf(() => flashOfImage(sibling('elf').subarray(0, 20_000), 'x.elf'))).toEqual(invalid(/cut off/));
});

test('an image that is not there is a data error that says what to do', async () => {
  await expect(openEmulator({ firmware: '/nowhere/priot.uf2' })).rejects.toMatchObject({
    code: 'FIRMWARE_IMAGE_MISSING',
    class: 'data',
    remedy: expect.stringContaining('make firmware'),
  });
});
