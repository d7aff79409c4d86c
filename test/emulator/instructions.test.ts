import { describe, expect, test } from 'vitest';
import { Chip, type Core } from '#host/device/emulator/chip.js';
import { EmulatedClock } from '#host/device/emulator/emulated-clock.js';
import { createFastRun } from '#host/device/emulator/fast-core.js';
import { FLASH_BYTES, Memory, SRAM_START } from '#host/device/emulator/memory.js';
import { missingCycles } from '#host/device/emulator/slow-core.js';
import { randomNumbers, shimRom } from './programs.js';

const CODE = SRAM_START + 0x100;
const DATA = SRAM_START + 0x20000;
const EDGES = [
  0, 1, 2, 31, 32, 33, 0x7f, 0x80, 0xff, 0x100, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff,
];

interface Flags {
  N: boolean;
  Z: boolean;
  C: boolean;
  V: boolean;
}

interface Rig {
  core: Core;
  memory: Memory;
  step(): void;
}

function rig(fast: boolean): Rig {
  const memory = new Memory(shimRom(), new Uint8Array(FLASH_BYTES).fill(0xff));
  const clock = new EmulatedClock();
  const { core } = new Chip(memory, clock);
  clock.start(core);
  const run = createFastRun(memory);
  const library = () => {
    const op = core.readUint16(core.PC);
    core.executeInstruction();
    core.cycles += missingCycles(op);
  };
  return { core, memory, step: fast ? () => run(core, core.cycles + 1) : library };
}

function put(memory: Memory, address: number, halfwords: readonly number[]): void {
  const view = new DataView(memory.sram.buffer, memory.sram.byteOffset);
  halfwords.forEach((value, i) => {
    view.setUint16(address - SRAM_START + 2 * i, value, true);
  });
}

function setState(core: Core, registers: readonly number[], flags: Flags): void {
  core.registers.set(registers);
  core.PC = CODE;
  Object.assign(core, flags);
  core.cycles = 1000;
}

const flagsOf = ({ N, Z, C, V }: Flags): Flags => ({ N, Z, C, V });

describe('against the architecture', () => {
  // The Arm manual's pseudocode, in unbounded integers. Rdn is r0, Rm is r1.
  const unsigned = (value: number) => BigInt(value >>> 0);
  const signed = (value: number) => BigInt(value | 0);
  type Result = { result: number; C: boolean; V: boolean };
  const add = (x: number, y: number, carry: boolean): Result => {
    const result = Number((unsigned(x) + unsigned(y) + BigInt(carry)) & 0xffffffffn);
    return {
      result,
      C: unsigned(x) + unsigned(y) + BigInt(carry) > 0xffffffffn,
      V: signed(result) !== signed(x) + signed(y) + BigInt(carry),
    };
  };
  const shift = (x: number, count: number, flags: Flags, kind: 'left' | 'right' | 'arithmetic' | 'rotate'): Result => {
    let value = x >>> 0;
    let { C } = flags;
    for (let i = 0; i < count; i++) {
      C = kind === 'left' ? value >>> 31 === 1 : (value & 1) === 1;
      if (kind === 'left') value = (value << 1) >>> 0;
      else if (kind === 'right') value >>>= 1;
      else if (kind === 'arithmetic') value = (value >> 1) >>> 0;
      else value = ((value >>> 1) | (value << 31)) >>> 0;
    }
    return { result: value, C, V: flags.V };
  };
  const logic = (result: number, { C, V }: Flags): Result => ({ result: result >>> 0, C, V });
  const operations: Record<string, [op: number, (a: number, b: number, flags: Flags) => Result, keep?: true]> = {
    ands: [0x4008, (a, b, f) => logic(a & b, f)],
    eors: [0x4048, (a, b, f) => logic(a ^ b, f)],
    'lsls register': [0x4088, (a, b, f) => shift(a, b & 255, f, 'left')],
    'lsrs register': [0x40c8, (a, b, f) => shift(a, b & 255, f, 'right')],
    'asrs register': [0x4108, (a, b, f) => shift(a, b & 255, f, 'arithmetic')],
    adcs: [0x4148, (a, b, f) => add(a, b, f.C)],
    sbcs: [0x4188, (a, b, f) => add(a, ~b, f.C)],
    rors: [0x41c8, (a, b, f) => shift(a, b & 255, f, 'rotate')],
    tst: [0x4208, (a, b, f) => logic(a & b, f), true],
    rsbs: [0x4248, (_, b) => add(~b, 0, true)],
    cmp: [0x4288, (a, b) => add(a, ~b, true), true],
    cmn: [0x42c8, (a, b) => add(a, b, false), true],
    orrs: [0x4308, (a, b, f) => logic(a | b, f)],
    muls: [0x4348, (a, b, f) => logic(Math.imul(a, b), f)],
    bics: [0x4388, (a, b, f) => logic(a & ~b, f)],
    mvns: [0x43c8, (_, b, f) => logic(~b, f)],
    'adds register': [0x1840, (a, b) => add(a, b, false)],
    'subs register': [0x1a40, (a, b) => add(a, ~b, true)],
    'adds 7': [0x1dc8, (_, b) => add(b, 7, false)],
    'subs 7': [0x1fc8, (_, b) => add(b, ~7, true)],
    'adds 255': [0x30ff, (a) => add(a, 255, false)],
    'subs 255': [0x38ff, (a) => add(a, ~255, true)],
    'cmp 128': [0x2880, (a) => add(a, ~128, true), true],
    'cmp high': [0x4588, (_a, b) => add(0x80000000, ~b, true), true],
    'movs register': [0x0008, (_, b, f) => logic(b, f)],
    'lsls 5': [0x0148, (_, b, f) => shift(b, 5, f, 'left')],
    'lsrs 5': [0x0948, (_, b, f) => shift(b, 5, f, 'right')],
    'lsrs 32': [0x0808, (_, b, f) => shift(b, 32, f, 'right')],
    'asrs 5': [0x1148, (_, b, f) => shift(b, 5, f, 'arithmetic')],
    'asrs 32': [0x1008, (_, b, f) => shift(b, 32, f, 'arithmetic')],
  };

  test.each(Object.keys(operations))('%s', (name) => {
    const [op, reference, keep] = operations[name]!;
    const { core, memory, step } = rig(true);
    put(memory, CODE, [op]);
    const random = randomNumbers(op + 1);
    const operand = () =>
      random() % 5 < 2 ? EDGES[random() % EDGES.length]! : random() % 2 ? random() % 70 : random();
    for (let i = 0; i < 4000; i++) {
      const [a, b] = [operand(), operand()];
      const flags = { N: random() % 2 === 1, Z: random() % 2 === 1, C: random() % 2 === 1, V: random() % 2 === 1 };
      const registers = [a, b, 2, 3, 4, 5, 6, 7, 0x80000000, 9, 10, 11, 12, DATA, 14, 0];
      setState(core, registers, flags);
      step();
      const { result, C, V } = reference(a, b, flags);
      const expected = { N: result >>> 31 === 1, Z: result === 0, C, V };
      const label = `${a.toString(16)} ${b.toString(16)} carry ${flags.C}: `;
      const got = JSON.stringify([flagsOf(core), core.registers[0], core.cycles, core.PC]);
      const wanted = JSON.stringify([expected, keep ? a : result, 1001, CODE + 2]);
      if (got !== wanted) expect(label + got).toBe(label + wanted);
    }
  });
});

describe('against the library', () => {
  /** Where the library is wrong (docs/emulator.md); the tests above hold those to the architecture. */
  const libraryIsWrong = (op: number) =>
    (op >> 10 === 0b010000 && [2, 3, 4, 5, 6, 7].includes((op >> 6) & 15)) || op === 0x47f0;
  /** Breakpoints, supervisor calls, undefined, hints, second halves of BL; BX with bits that should be 0. */
  const leftOut = (op: number) =>
    op >> 8 === 0xbe ||
    op >> 9 === 0b1101111 ||
    op >> 8 === 0xbf ||
    op >> 11 >= 0b11101 ||
    (op >> 8 === 0x47 && (op & 7) !== 0);

  test('every instruction, random registers: state, memory and cycles', () => {
    const fast = rig(true);
    const library = rig(false);
    const random = randomNumbers(7);
    let executed = 0;
    for (let i = 0; i < 150_000; i++) {
      const op = i % 16 === 0 ? 0xf000 | (random() & 0x7ff) : random() & 0xffff;
      if (i % 16 !== 0 && (libraryIsWrong(op) || leftOut(op))) continue;
      const second = 0xd000 | (random() & 0x2fff);
      const registers = Array.from({ length: 16 }, (_, r) => {
        const kind = random() % 8;
        if (r === 13) return DATA + 4 * (random() % 64);
        if (kind < 5) return DATA + 4 * (random() % 1024);
        return kind === 5
          ? EDGES[random() % EDGES.length]!
          : kind === 6
            ? random() % 256
            : 0x10000000 + 4 * (random() % 9);
      });
      const flags = { N: random() % 2 === 1, Z: random() % 2 === 1, C: random() % 2 === 1, V: random() % 2 === 1 };
      for (const { core, memory } of [fast, library]) {
        put(memory, CODE, [op, second]);
        setState(core, registers, flags);
      }
      fast.step();
      // not its own: the machine lets the library execute it
      if (fast.core.cycles === 1000) continue;
      executed++;
      library.step();
      const state = ({ core }: Rig) => JSON.stringify([[...core.registers], flagsOf(core), core.cycles]);
      const label = `${op.toString(16)} ${second.toString(16)} on ${registers.map((r) => r.toString(16)).join(' ')}: `;
      if (state(fast) !== state(library)) expect(label + state(fast)).toBe(label + state(library));
      if (i % 1000 === 0) expect(Buffer.compare(fast.memory.sram, library.memory.sram), label).toBe(0);
    }
    expect(Buffer.compare(fast.memory.sram, library.memory.sram)).toBe(0);
    expect(executed).toBeGreaterThan(80_000);
  });
});
