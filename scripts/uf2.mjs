// Wraps a flash image as UF2, the format of the boot ROM's USB drive: node scripts/uf2.mjs priot.bin priot.uf2
// Format: 512-byte blocks of 32 bytes header, up to 476 bytes payload (always 256 here), and a closing magic number.
import { readFileSync, writeFileSync } from 'node:fs';

const FLASH_START = 0x10000000;
const PAYLOAD_BYTES = 256;
const RP2040_FAMILY = 0xe48bff56;
const FLAG_FAMILY_PRESENT = 0x2000;

const [, , imagePath, uf2Path] = process.argv;
if (!imagePath || !uf2Path) {
  console.error('usage: node scripts/uf2.mjs IMAGE.bin OUT.uf2');
  process.exit(2);
}
const image = readFileSync(imagePath);
const blockCount = Math.ceil(image.length / PAYLOAD_BYTES);
const uf2 = Buffer.alloc(blockCount * 512);
for (let block = 0; block < blockCount; block += 1) {
  const at = block * 512;
  const offset = block * PAYLOAD_BYTES;
  const header = [
    0x0a324655, // "UF2\n"
    0x9e5d5157,
    FLAG_FAMILY_PRESENT,
    FLASH_START + offset,
    PAYLOAD_BYTES,
    block,
    blockCount,
    RP2040_FAMILY,
  ];
  header.forEach((word, index) => {
    uf2.writeUInt32LE(word, at + index * 4);
  });
  image.copy(uf2, at + 32, offset, offset + PAYLOAD_BYTES);
  uf2.writeUInt32LE(0x0ab16f30, at + 508);
}
writeFileSync(uf2Path, uf2);
