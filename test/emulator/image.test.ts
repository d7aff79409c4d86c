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

test('UF2, ELF and bin hold the same program', () => {
  const code = firmwareFlash().subarray(0, 32_768);
  expect(Buffer.compare(flashOfImage(sibling('elf'), 'priot.elf').subarray(0, 32_768), code)).toBe(0);
  expect(Buffer.compare(flashOfImage(sibling('bin'), 'priot.bin').subarray(0, 32_768), code)).toBe(0);
});

test.each<[string, (file: Uint8Array) => Uint8Array, RegExp]>([
  ['cut off', (file) => file.subarray(0, file.length - 100), /no multiple of 512/],
  ['a block missing', (file) => file.subarray(512), /another number/],
  ['wrong magic', (file) => file.fill(0, 512 + 508, 1024), /block 1 has wrong magic/],
  ['another chip', (file) => file.fill(1, 28, 32), /another chip family/],
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
