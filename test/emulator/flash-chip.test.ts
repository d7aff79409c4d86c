import { expect, test } from 'vitest';
import { CLOCK_HZ } from '#host/device/emulator/emulated-clock.js';
import { FlashChip, type FlashChipOptions } from '#host/device/emulator/flash-chip.js';
import { Machine } from '#host/device/emulator/machine.js';
import { FLASH_BYTES, FLASH_START } from '#host/device/emulator/memory.js';
import { FOREVER, flashOf, shimRom, withRegisters } from './programs.js';

const WRITE_ENABLE = [0x06];

/** A chip, and what happens to its clock and its array. */
class Bench {
  cycles = 0;
  readonly array = new Uint8Array(FLASH_BYTES).fill(0xff);
  readonly changes: [number, number][] = [];
  readonly chip: FlashChip;

  constructor(options: FlashChipOptions = {}) {
    this.chip = new FlashChip(
      this.array,
      () => this.cycles,
      (offset, count) => this.changes.push([offset, count]),
      options,
    );
  }

  /** One selection: the bytes go in, and what came out meanwhile is returned. */
  send(bytes: readonly number[], answerBytes = 0): number[] {
    this.chip.select(true);
    for (const byte of bytes) this.chip.exchange(byte);
    const answer = Array.from({ length: answerBytes }, () => this.chip.exchange(0));
    this.chip.select(false);
    return answer;
  }

  waitMs(ms: number): void {
    this.cycles += (ms * CLOCK_HZ) / 1000;
  }
}

test('says who it is', () => {
  const { send } = bound(new Bench({ uniqueId: Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2) }));
  expect(send([0x9f], 3)).toEqual([0xef, 0x40, 0x15]);
  expect(send([0x4b, 0, 0, 0, 0], 8)).toEqual([9, 8, 7, 6, 5, 4, 3, 2]);
});

function bound(bench: Bench) {
  return { bench, send: bench.send.bind(bench) };
}

test('programs and erases only after a write enable, and is busy for its typical time', () => {
  const { bench, send } = bound(new Bench());
  bench.array.fill(0, 0x1000, 0x3000);
  send([0x20, 0, 0x10, 0]);
  expect(bench.array[0x1000]).toBe(0);

  send(WRITE_ENABLE);
  expect(send([0x05], 1)).toEqual([2]);
  send([0x20, 0, 0x1f, 0xff]); // the sector of any address in it
  expect(bench.array.subarray(0x1000, 0x2000).every((byte) => byte === 0xff)).toBe(true);
  expect(bench.array[0x2000]).toBe(0);
  expect(send([0x05], 1)).toEqual([1]);
  bench.waitMs(44.9);
  expect(send([0x05], 1)).toEqual([1]);
  send(WRITE_ENABLE); // not heard
  bench.waitMs(0.2);
  expect(send([0x05], 1)).toEqual([0]);

  send(WRITE_ENABLE);
  send([0x02, 0, 0x10, 0xfe, 0x0f, 0xf0, 0x3c]); // beyond the end of the page it goes on at its start
  expect([...bench.array.subarray(0x10fe, 0x1100), bench.array[0x1000]]).toEqual([0x0f, 0xf0, 0x3c]);
  bench.waitMs(0.41);
  expect(send([0x03, 0, 0x10, 0xfe], 2)).toEqual([0x0f, 0xf0]);
  send(WRITE_ENABLE);
  send([0x02, 0, 0x10, 0xfe, 0xf3]);
  expect(bench.array[0x10fe]).toBe(0x03); // bits are only cleared
  expect(bench.changes).toEqual([
    [0x1000, 0x1000],
    [0x1000, 0x100],
    [0x1000, 0x100],
  ]);
});

test('erases blocks of 32 KB and 64 KB', () => {
  const { bench, send } = bound(new Bench());
  bench.array.fill(0);
  send(WRITE_ENABLE);
  send([0x52, 0x01, 0x90, 0]);
  bench.waitMs(121);
  send(WRITE_ENABLE);
  send([0xd8, 0x05, 0, 0x44]);
  expect(bench.changes).toEqual([
    [0x18000, 0x8000],
    [0x50000, 0x10000],
  ]);
  expect([0x17fff, 0x18000, 0x1ffff, 0x20000].map((at) => bench.array[at])).toEqual([0, 0xff, 0xff, 0]);
});

test('a chip of 1 MB shows the same bytes twice, and changes them twice', () => {
  const { bench, send } = bound(new Bench({ jedecId: 0xef4014 }));
  send(WRITE_ENABLE);
  send([0x02, 0x10, 0, 0, 0x12]);
  expect([bench.array[0], bench.array[0x100000]]).toEqual([0x12, 0x12]);
});

/** A program that erases the sector of `address` by the boot ROM, leaving the rest to `after`. */
function eraseThenRead(flushes: boolean): Machine {
  const rom = shimRom();
  const functions = rom[0x14]! | (rom[0x15]! << 8);
  const address = (code: string) => {
    for (let at = functions; ; at += 4) {
      if (String.fromCharCode(rom[at]!, rom[at + 1]!) === code) return rom[at + 2]! | (rom[at + 3]! << 8);
    }
  };
  // r4 leaves execute-in-place, r5 erases, r6 flushes the cache, r7 enters execute-in-place again
  const registers = [
    0x10000,
    0x1000,
    FLASH_START + 0x10000,
    0,
    address('EX'),
    address('RE'),
    address('FC'),
    address('CX'),
  ];
  const code = [
    0xb407, // PUSH {r0, r1, r2}
    0x47a0, // BLX r4
    0xbc07, // POP {r0, r1, r2}
    0xb407, // PUSH {r0, r1, r2}
    0x47a8, // BLX r5
    flushes ? 0x47b0 : 0xbf00, // BLX r6
    0x47b8, // BLX r7
    0xbc07, // POP {r0, r1, r2}
    0x6813, // LDR r3, [r2]
    FOREVER,
  ];
  const machine = new Machine({ rom, flash: flashOf(withRegisters(registers, code)) });
  machine.memory.flash.fill(0x77, 0x10000, 0x11000);
  machine.run(CLOCK_HZ / 10);
  return machine;
}

test('what was erased is read only after the cache was flushed', () => {
  const good = eraseThenRead(true);
  expect(good.halt).toBeUndefined();
  expect(good.chip.core.registers[3]! >>> 0).toBe(0xffffffff);

  expect(eraseThenRead(false).halt?.message).toBe('flash read at 0x10010000 through a cache that was not flushed');
});
