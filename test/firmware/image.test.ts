import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const file = (name: string) => readFileSync(new URL(`../../dist/firmware/${name}`, import.meta.url));
/** Where the regions for checkpoints and weights begin: firmware/pico/flash.h. */
const REGIONS_OFFSET = 1024 * 1024 - 2 * 384 * 1024;

test('the UF2 holds the image, block by block, for the RP2040 alone', () => {
  const image = file('priot.bin');
  const uf2 = file('priot.uf2');
  const blocks = Math.ceil(image.length / 256);
  expect(uf2.length).toBe(blocks * 512);
  for (let block = 0; block < blocks; block++) {
    const at = block * 512;
    const words = Array.from({ length: 8 }, (_, index) => uf2.readUInt32LE(at + 4 * index));
    expect(words).toEqual([0x0a324655, 0x9e5d5157, 0x2000, 0x10000000 + block * 256, 256, block, blocks, 0xe48bff56]);
    expect(uf2.readUInt32LE(at + 508)).toBe(0x0ab16f30);
    const data = image.subarray(block * 256, (block + 1) * 256);
    expect(uf2.subarray(at + 32, at + 32 + data.length).equals(data)).toBe(true);
  }
});

test('the image leaves checkpoints and weights their flash', () => {
  expect(file('priot.bin').length).toBeLessThanOrEqual(REGIONS_OFFSET);
});

test('the image says nothing of the machine it was built on', () => {
  const text = file('priot.bin').toString('latin1');
  expect(text).not.toContain(new URL('../..', import.meta.url).pathname);
});

test('the boot ROM has what the chip promises, in the space it has', () => {
  const rom = file('shimrom.bin');
  expect(rom.length).toBeLessThanOrEqual(16 * 1024);
  expect(rom.subarray(0x10, 0x13)).toEqual(Buffer.from('Mu\x01', 'latin1'));
});
