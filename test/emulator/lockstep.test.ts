import { expect, test } from 'vitest';
import type { Chip, Core } from '#host/device/emulator/chip.js';
import { openInProcess, type TurnMachine } from '#host/device/emulator/in-process.js';
import type { Command, DeviceEvent } from '#host/device/emulator/messages.js';
import { missingCycles, takeInterrupt } from '#host/device/emulator/slow-core.js';
import { Turns } from '#host/device/emulator/turns.js';
import { Link } from '#host/link/link.js';
import { firmwareFlash, shimRom } from './programs.js';
import { trainSteps } from './training.js';

const CASE = 'priot-strided';
const STEPS = 6;
/** Compared so often: about 3,000 instructions. Odd, so that the comparisons fall everywhere. */
const SLICE_CYCLES = 4999;

/** The library's core with the corrections that docs/emulator.md names, and no others. */
function correct(core: Core): { instructions: number; flagsCorrected: number } {
  const counts = { instructions: 0, flagsCorrected: 0 };
  const library = core.executeInstruction.bind(core);
  core.executeInstruction = () => {
    const { cycles } = core;
    takeInterrupt(core);
    if (core.cycles !== cycles) return 0;
    const op = core.readUint16(core.PC & ~1);
    const [a, b, carry] = [core.registers[op & 7]!, core.registers[(op >> 3) & 7]!, core.C ? 1 : 0];
    library();
    counts.instructions++;
    core.cycles += missingCycles(op);
    if (op >> 10 === 0b010000) {
      const kind = (op >> 6) & 15;
      const before = [core.C, core.V];
      const result = core.registers[op & 7]! | 0;
      // ADCS and SBCS: overflow when both operands have the sign that the result has not
      if (kind === 5) core.V = ((a ^ result) & (b ^ result)) < 0;
      if (kind === 6) {
        core.V = ((a ^ b) & (a ^ result)) < 0;
        core.C = a - b - (1 - carry) >= 0;
      }
      // shifts by a register: carry is the last bit shifted out, the old one when nothing is shifted
      const count = b & 255;
      if (kind === 2) core.C = count === 0 ? carry === 1 : count <= 32 && (Math.floor(a * 2 ** (count - 32)) & 1) === 1;
      if (kind === 3) core.C = count === 0 ? carry === 1 : count <= 32 && ((a >>> (count - 1)) & 1) === 1;
      if (kind === 4) core.C = count === 0 ? carry === 1 : ((a >> Math.min(count - 1, 31)) & 1) === 1;
      if (kind === 7) core.C = count === 0 ? carry === 1 : result < 0;
      if (before[0] !== core.C || before[1] !== core.V) counts.flagsCorrected++;
    }
    return 0;
  };
  return counts;
}

const names = ['N', 'Z', 'C', 'V', 'PM', 'IPSR', 'waiting', 'cycles', 'bankedSP', 'pendingInterrupts'] as const;

function stateOf({ core }: Chip): string {
  // the library leaves bit 0 of PC set at the start of an exception handler
  const registers = [...core.registers].map((value, i) => (i === 15 ? (value & ~1) >>> 0 : value).toString(16));
  return [...registers, ...names.map((name) => `${name}=${core[name]}`)].join(' ');
}

/** Two machines, one conversation: both get every command, and must agree after every slice. */
class Mirror implements TurnMachine {
  slices = 0;
  constructor(
    private readonly fast: Turns,
    private readonly library: Turns,
  ) {}
  receive(command: Command): void {
    this.fast.receive(command);
    this.library.receive(command);
  }
  advance(): boolean {
    const running = this.fast.advance();
    expect(this.library.advance()).toBe(running);
    this.slices++;
    const [ours, theirs] = [stateOf(this.fast.pico.machine.chip), stateOf(this.library.pico.machine.chip)];
    if (ours !== theirs) throw new Error(`slice ${this.slices}\nfast    ${ours}\nlibrary ${theirs}`);
    return running;
  }
  takeEvents(): DeviceEvent[] {
    const events = this.fast.takeEvents();
    expect(this.library.takeEvents()).toEqual(events);
    return events;
  }
}

test('the real firmware, enumeration to training steps, in lockstep with the library', async () => {
  const options = { rom: shimRom(), flash: firmwareFlash(), latencyMs: 1, sliceCycles: SLICE_CYCLES };
  const fast = new Turns(options);
  const library = new Turns({ ...options, libraryCore: true });
  const counts = correct(library.pico.machine.chip.core);
  const mirror = new Mirror(fast, library);
  const link = await Link.open(await openInProcess(mirror));
  const steps = await trainSteps(link, STEPS, CASE);
  const { memory } = fast.pico.machine;
  await link.close();
  expect(steps.map(({ logitsMatch }) => logitsMatch)).toEqual(Array(STEPS).fill(true));
  expect(Buffer.compare(memory.sram, library.pico.machine.memory.sram)).toBe(0);
  expect(Buffer.compare(memory.flash, library.pico.machine.memory.flash)).toBe(0);
  // millions of instructions, most of them in the steps, and next to no flag that the library had wrong
  expect(counts.instructions).toBeGreaterThan(3_000_000);
  expect(counts.flagsCorrected).toBeLessThan(100);
});
