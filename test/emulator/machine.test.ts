import { expect, test } from 'vitest';
import { CLOCK_HZ } from '#host/device/emulator/emulated-clock.js';
import { Machine } from '#host/device/emulator/machine.js';
import { FLASH_START, SRAM_START } from '#host/device/emulator/memory.js';
import { FOREVER, flashOf, SECOND_STAGE, shimRom, withRegisters } from './programs.js';

const WATCHDOG = 0x40058000;
/** BL to the boot ROM is too far; BLX r7 with the address of a BKPT in it. */
const BLX_R7 = 0x47b8;

function machineOf(registers: readonly number[], code: readonly number[]): Machine {
  return new Machine({ rom: shimRom(), flash: flashOf(withRegisters(registers, code)) });
}

/** Address, with the Thumb bit, of a breakpoint in the boot ROM. */
function romBreak(code: number): number {
  const rom = shimRom();
  for (let at = 0; at + 1 < rom.length; at += 2) if (rom[at] === code && rom[at + 1] === 0xbe) return at | 1;
  throw new Error(`the boot ROM has no breakpoint ${code}`);
}

test('a fault without a handler locks up, and says where it began', () => {
  const unaligned = machineOf([SRAM_START + 2], [0x6801, FOREVER]); // LDR r1, [r0]
  unaligned.run(CLOCK_HZ);
  expect(unaligned.halt).toEqual({ kind: 'lockup', message: 'unaligned access to 0x20000002', pc: SECOND_STAGE + 2 });

  const hole = machineOf([0x30000000], [0x6801, FOREVER]);
  hole.run(CLOCK_HZ);
  expect(hole.halt).toMatchObject({ kind: 'lockup', pc: SECOND_STAGE + 2 });

  const undefinedInstruction = machineOf([], [0xbf00, 0xde00]);
  undefinedInstruction.run(CLOCK_HZ);
  expect(undefinedInstruction.halt).toMatchObject({ kind: 'lockup', pc: SECOND_STAGE + 2 });
});

test('a store to flash is a fault and changes nothing', () => {
  const machine = machineOf([FLASH_START + 0x1000], [0x6000, FOREVER]); // STR r0, [r0]
  machine.run(CLOCK_HZ);
  expect(machine.halt).toMatchObject({ message: 'store to flash at 0x10001000' });
  expect(machine.memory.flash[0x1000]).toBe(0xff);
});

/** STR r3, [r4], with 0 and the address of SSIENR in them: flash is no more where code is. */
const LEAVE_XIP = 0x6023;
const SSI_ENABLE = 0x18000008;

/** Calls a breakpoint of the boot ROM with r0, r1 and r2, execute-in-place switched off before. */
const romCall = (code: number, ...[r0, r1, r2]: [number, number, number]) =>
  machineOf([r0, r1, r2, 0, SSI_ENABLE, 0, 0, romBreak(code)], [LEAVE_XIP, BLX_R7, FOREVER]);

test('programming only clears bits and erasing sets them, in the time the chip takes', () => {
  const programming = romCall(0xe1, 0x10000, SRAM_START, 256);
  programming.memory.sram.fill(0x0f, 0, 256);
  programming.memory.flash.fill(0x3c, 0x10000, 0x10100);
  programming.run(CLOCK_HZ / 1000);
  expect(programming.halt).toBeUndefined();
  expect(programming.memory.flash.subarray(0x10000, 0x10100)).toEqual(new Uint8Array(256).fill(0x0c));
  expect(programming.memory.flash[0x10100]).toBe(0xff);

  const erasing = romCall(0xe0, 0x10000, 0x1000, 0);
  erasing.memory.flash.fill(0, 0x10000, 0x12000);
  erasing.run(10_000);
  expect(erasing.cycles / CLOCK_HZ).toBeCloseTo(0.045, 4);
  expect(erasing.memory.flash.subarray(0x10000, 0x11000)).toEqual(new Uint8Array(4096).fill(0xff));
  expect(erasing.memory.flash[0x11000]).toBe(0);

  const outside = romCall(0xe0, 0x200000, 0x1000, 0);
  outside.run(CLOCK_HZ);
  expect(outside.halt?.message).toBe('flash erase of 4096 bytes at offset 0x200000');
});

test('flash changes only while execute-in-place is off, and is not read meanwhile', () => {
  const program = [0x10000, SRAM_START, 256, 0, SSI_ENABLE, 0, 0, romBreak(0xe1)];
  const running = machineOf(program, [BLX_R7, FOREVER]);
  running.run(CLOCK_HZ);
  expect(running.halt?.message).toBe('flash changed while execute-in-place is on');

  const reading = machineOf([0, 0, 0, 0, SSI_ENABLE, FLASH_START + 0x100], [LEAVE_XIP, 0x6829, FOREVER]); // LDR r1, [r5]
  reading.run(CLOCK_HZ);
  expect(reading.halt).toMatchObject({
    message: 'flash read at 0x10000100 while execute-in-place is off',
    pc: SECOND_STAGE + 14,
  });
});

test('a watchdog reset keeps SRAM, scratch and time; the chip knows why it started', () => {
  // r0 the watchdog: when REASON is 0 write a scratch register and SRAM, then trigger; else loop
  const code = [
    0x6883, // LDR r3, [r0, #8]
    0x2b00, // CMP r3, #0
    0xd1fe, // BNE itself
    0x60c1, // STR r1, [r0, #12]
    0x6011, // STR r1, [r2]
    0x6004, // STR r4, [r0]
    FOREVER,
  ];
  const machine = machineOf([WATCHDOG, 0xcafe, SRAM_START + 0x800, 0, 0x80000000], code);
  machine.run(100_000);
  expect(machine.halt).toBeUndefined();
  expect(machine.resets).toBe(1);
  expect(machine.cycles).toBeGreaterThanOrEqual(100_000);
  expect(machine.chip.core.registers[3]).toBe(2);
  expect(machine.chip.readUint32(WATCHDOG + 12)).toBe(0xcafe);
  expect(machine.chip.readUint32(SRAM_START + 0x800)).toBe(0xcafe);
});

test('BOOTSEL ends the run', () => {
  const machine = machineOf([0, 0, 0, 0, 0, 0, 0, romBreak(0xe2)], [BLX_R7, FOREVER]);
  machine.run(CLOCK_HZ);
  expect(machine.halt?.kind).toBe('bootsel');
});

test('UART0 comes as lines', () => {
  const lines: string[] = [];
  const code = [...'ok\r\n!\n'].flatMap((letter) => [0x2100 | letter.charCodeAt(0), 0x6001]); // MOVS r1; STR r1, [r0]
  const flash = flashOf(withRegisters([0x40034000], [...code, FOREVER]));
  new Machine({ rom: shimRom(), flash, onConsoleLine: (line) => lines.push(line) }).run(10_000);
  expect(lines).toEqual(['ok', '!']);
});

test('a sleeping core costs no instructions', () => {
  const machine = machineOf([], [0xbf30, FOREVER]); // WFI
  machine.run(1e12);
  expect(machine.cycles).toBe(1e12);
});
