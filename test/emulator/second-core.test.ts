import { expect, test } from 'vitest';
import { CLOCK_HZ } from '#host/device/emulator/emulated-clock.js';
import { INTERLEAVE_CYCLES } from '#host/device/emulator/interleaving.js';
import { Machine, type MachineOptions } from '#host/device/emulator/machine.js';
import { SRAM_START } from '#host/device/emulator/memory.js';
import { missingCycles } from '#host/device/emulator/slow-core.js';
import { FOREVER, flashOf, shimRom, withRegisters } from './programs.js';

const SIO = 0xd0000000;
const FIFO_STATUS = 0x50;
const FIFO_WRITE = 0x54;
const FIFO_READ = 0x58;
const SPINLOCK = SIO + 0x100;
const NVIC_ENABLE = 0xe000e100;
const PSM_FORCE_OFF = 0x40010004;
const CORE_1 = 1 << 16;

const VECTORS = SRAM_START + 0x1000;
const STACK = SRAM_START + 0x2000;
const ENTRY = SRAM_START + 0x3000;
const HANDLER = SRAM_START + 0x3800;
const FLAG = SRAM_START + 0x4000;

const WFE = 0xbf20;
const WFI = 0xbf30;
const SEV = 0xbf40;
const BX_LR = 0x4770;
const store = (value: number, base: number, offset = 0) => 0x6000 | ((offset >> 2) << 6) | (base << 3) | value;
const load = (value: number, base: number, offset = 0) => 0x6800 | ((offset >> 2) << 6) | (base << 3) | value;
const move = (register: number, value: number) => 0x2000 | (register << 8) | value;
const compare = (register: number, value: number) => 0x2800 | (register << 8) | value;
/** Branches so many instructions ahead of the next but one; backwards when negative. */
const branch = (condition: 'eq' | 'ne', by: number) => (condition === 'eq' ? 0xd000 : 0xd100) | (by & 0xff);

/** What core 0 does with SIO in r0, 0 in r1 and 1 in r2: hands r3, r4 and r5 to core 1's boot ROM. */
const LAUNCH = [1, 1, 2, 3, 4, 5].map((register) => store(register, 0, FIFO_WRITE)).concat(SEV);

/** A machine whose first core launches the second at ENTRY, then runs `first`, with FLAG in r7. */
function pair(first: readonly number[], second: readonly number[], options: Partial<MachineOptions> = {}): Machine {
  const registers = [SIO, 0, 1, VECTORS, STACK, ENTRY + 1, SPINLOCK, FLAG];
  const flash = flashOf(withRegisters(registers, [...LAUNCH, ...first]));
  const machine = new Machine({ rom: shimRom(), flash, ...options });
  put(machine, ENTRY, second);
  return machine;
}

function put(machine: Machine, address: number, halfwords: readonly number[]): void {
  machine.memory.sram.set(new Uint8Array(Uint16Array.from(halfwords).buffer), address - SRAM_START);
}

const wordAt = ({ chip }: Machine, address: number) => chip.readUint32(address);

test('the second core is launched over the mailboxes, knows who it is, and wakes the first', () => {
  const first = [WFE, load(1, 7), compare(1, 0), branch('eq', -5), load(2, 0), store(2, 7, 4), FOREVER];
  const second = withRegisters([SIO, FLAG], [load(2, 0), store(2, 1), SEV, WFE, 0xe7fd]);
  const machine = pair(first, second);
  expect(machine.chip.second.awake).toBe(true); // it comes out of reset too
  machine.run(2000);
  expect(machine.halt).toBeUndefined();
  expect([wordAt(machine, FLAG), wordAt(machine, FLAG + 4)]).toEqual([1, 0]);
  const { core } = machine.chip.second;
  expect([core.VTOR, core.SP]).toEqual([VECTORS, STACK]);
  expect(machine.chip.second.awake).toBe(false);
  // what its boot ROM said: that it is here, and each word again
  const said = Array.from({ length: 7 }, () => machine.chip.sio.readUint32(FIFO_READ));
  expect(said).toEqual([0, 0, 0, 1, VECTORS, STACK, ENTRY + 1]);
  expect(machine.chip.sio.readUint32(FIFO_STATUS)).toBe(2);
});

test('a spinning core sees a store within the interleaving, and sleeps cost nothing', () => {
  // core 0 counts down, stores and sleeps; core 1 spins on the word, then sleeps
  const first = [move(1, 200), 0x3901, branch('ne', -3), store(2, 7), WFI];
  const second = withRegisters([FLAG], [load(1, 0), compare(1, 0), branch('eq', -4), WFI]);
  const machine = pair(first, second);
  machine.run(2500);
  expect(machine.asleep).toBe(true);
  const sleptAt = machine.chip.second.core.cycles;
  expect(Math.abs(sleptAt - storedAt(first))).toBeLessThanOrEqual(INTERLEAVE_CYCLES + 10);
  machine.run(1e12);
  expect(machine.cycles).toBe(1e12);
});

/** When core 0 sleeps after its store, with a second core that does nothing. */
function storedAt(first: readonly number[]): number {
  const machine = pair(first, [WFI]);
  for (let cycles = 1; !machine.chip.core.waiting; cycles++) machine.run(cycles);
  return machine.cycles;
}

const TIMES = 200;
/** r4 times: takes the lock in r6, counts FLAG's word up by one, gives the lock back. */
const COUNTING = [
  load(3, 6),
  compare(3, 0),
  branch('eq', -4),
  load(3, 7),
  0x3301, // ADDS r3, #1
  store(3, 7),
  store(3, 6),
  0x3c01, // SUBS r4, #1
  branch('ne', -10),
];
const bothCount = (options: Partial<MachineOptions> = {}) =>
  pair(
    [move(4, TIMES), ...COUNTING, WFE, WFE, FOREVER],
    withRegisters([SIO, 0, 0, 0, TIMES, 0, SPINLOCK, FLAG], [...COUNTING, WFI]),
    options,
  );

const stateOf = ({ chip }: Machine) =>
  [chip.core, chip.second.core].map(({ registers, cycles, N, Z, C, V, waiting }) => ({
    registers: [...registers],
    cycles,
    flags: [N, Z, C, V, waiting],
  }));

test('a spinlock keeps the cores apart, and slices change no cycle', () => {
  const whole = bothCount();
  whole.run(60_000);
  expect(wordAt(whole, FLAG)).toBe(2 * TIMES);
  const sliced = bothCount();
  for (let until = 7; until < 60_000; until += 7) sliced.run(until);
  sliced.run(60_000);
  expect(stateOf(sliced)).toEqual(stateOf(whole));
});

test("both cores in lockstep with the library's, an instruction at a time", () => {
  const fast = bothCount({ interleaveCycles: 1 });
  const library = bothCount({ interleaveCycles: 1, libraryCore: true });
  for (const core of [library.chip.core, library.chip.second.core]) {
    const execute = core.executeInstruction.bind(core);
    core.executeInstruction = () => {
      core.cycles += missingCycles(core.readUint16(core.PC & ~1));
      return execute();
    };
  }
  for (let until = 13; until < 20_000; until += 13) {
    fast.run(until);
    library.run(until);
    expect(stateOf(fast)).toEqual(stateOf(library));
  }
  expect(wordAt(fast, FLAG)).toBe(2 * TIMES);
});

test('each core has its own interrupts: a word in its mailbox wakes it', () => {
  // core 1 enables its FIFO interrupt and sleeps; core 0 writes a word after a while
  const first = [move(1, 255), 0x3901, branch('ne', -3), store(2, 0, FIFO_WRITE), FOREVER];
  const machine = pair(first, withRegisters([NVIC_ENABLE, 1 << 16], [store(1, 0), WFI, FOREVER]));
  put(machine, VECTORS + 4 * (16 + 16), [(HANDLER + 1) & 0xffff, HANDLER >>> 16]);
  put(machine, HANDLER, withRegisters([SIO, FLAG], [load(2, 0, FIFO_READ), store(2, 1), BX_LR]));
  machine.run(5000);
  expect(wordAt(machine, FLAG)).toBe(1);
  expect(machine.chip.core.enabledInterrupts).toBe(0);
});

test('mailboxes are eight deep, and say what went wrong', () => {
  const machine = new Machine({ rom: shimRom(), flash: flashOf([FOREVER]) });
  machine.run(1000); // the second core has said that it is here, and sleeps
  const { sio, second } = machine.chip;
  expect(second.awake).toBe(false);
  expect(machine.chip.core.pendingInterrupts & (1 << 15)).not.toBe(0);
  expect([sio.readUint32(FIFO_STATUS), sio.readUint32(FIFO_READ), sio.readUint32(FIFO_READ)]).toEqual([3, 0, 0]);
  for (let word = 0; word < 9; word++) sio.writeUint32(FIFO_WRITE, word);
  expect(sio.readUint32(FIFO_STATUS)).toBe(12); // it read too much and wrote too much; no room
  sio.writeUint32(FIFO_STATUS, 0);
  expect(sio.readUint32(FIFO_STATUS)).toBe(0);
  expect(machine.chip.core.pendingInterrupts & (1 << 15)).toBe(0);
});

test('held in reset it does nothing; let go it is back in the boot ROM', () => {
  const machine = pair([FOREVER], withRegisters([FLAG], [0x3101, store(1, 0), 0xe7fc]));
  machine.run(2000);
  machine.chip.writeUint32(PSM_FORCE_OFF, CORE_1);
  const counted = wordAt(machine, FLAG);
  expect(counted).toBeGreaterThan(10);
  machine.run(4000);
  expect(wordAt(machine, FLAG)).toBe(counted);
  machine.chip.writeUint32(PSM_FORCE_OFF, 0);
  machine.run(6000);
  expect(wordAt(machine, FLAG)).toBe(counted);
  expect(machine.chip.second.core.VTOR).toBe(0);
  expect(machine.chip.sio.readUint32(FIFO_READ)).toBe(0);
});

test('a fault of the second core is found, with its place', () => {
  const machine = pair([FOREVER], [0xde00]);
  put(machine, VECTORS + 12, [(HANDLER + 1) & 0xffff, HANDLER >>> 16]);
  put(machine, HANDLER, [0xde00]);
  machine.run(CLOCK_HZ / 1000);
  expect(machine.halt).toMatchObject({ kind: 'lockup', pc: ENTRY });
});
