/**
 * Both cores in turn, deterministically (docs/emulator.md, "Two cores"). The order of their instructions follows from
 * their states and cycle counters alone: where a run is cut into slices changes nothing.
 *
 * - A core runs on until it is `interleaveCycles` ahead of the other: so much later or earlier than it should be can a
 *   core see what the other one stored.
 * - What is not the hot loop's own (peripherals, SIO, events, barriers) waits until its core is not ahead of the other:
 *   such accesses happen in the order of time.
 */

import type { Chip, Core } from './chip.js';
import { wakes } from './chip.js';
import type { EmulatedClock } from './emulated-clock.js';
import type { FastRun } from './fast-core.js';
import { HardFault } from './hard-fault.js';
import { hasEvent } from './second-core.js';
import { executeSlowly, takeInterrupt } from './slow-core.js';

/** How far one core runs ahead of the other unless told otherwise. */
export const INTERLEAVE_CYCLES = 64;

export interface InterleavingHooks {
  /** The instructions that follow are this core's. */
  runs(core: Core): void;
  fault(core: Core, message: string, pc: number): void;
}

export class Interleaving {
  /** Whose turn it is. */
  private turn: 0 | 1 = 0;
  /** The core's next instruction waits for the other core's time. */
  private readonly blocked: [boolean, boolean] = [false, false];
  private readonly registers: [Int32Array | undefined, Int32Array | undefined] = [undefined, undefined];
  /** The last instruction may have changed what the machine looks at: a halt, a reset, a pause. */
  private stopped = false;

  /**
   * Makes an interleaving for one machine.
   * @param fastRun the hot loop; undefined: the library executes every instruction
   */
  constructor(
    private readonly clock: EmulatedClock,
    private readonly fastRun: FastRun | undefined,
    private readonly interleaveCycles: number,
    private readonly hooks: InterleavingHooks,
  ) {}

  /** Runs both until time is up, an alarm went off, the second core sleeps, or an instruction has to be looked at. */
  run(chip: Chip, untilCycles: number): void {
    const { clock } = this;
    const { core: first, second } = chip;
    try {
      while (second.awake && first.cycles < untilCycles && !chip.resetRequested) {
        const other = second.core;
        if (other.waiting && !wakeUp(other, first)) {
          second.awake = false;
          if (first.waiting) first.cycles = Math.max(first.cycles, other.cycles);
          this.turn = 0;
          this.blocked[0] = false;
          this.blocked[1] = false;
          return;
        }
        const sleeping = first.waiting && !wakeUp(first, other);
        const behind = sleeping || other.cycles < first.cycles ? other : first;
        if (behind.cycles >= clock.nextAlarmCycles) {
          if (sleeping) first.cycles = Math.max(first.cycles, clock.nextAlarmCycles);
          this.show(behind);
          clock.fireDue();
          return;
        }
        if (sleeping) {
          if (other.cycles >= untilCycles) {
            first.cycles = untilCycles;
            return;
          }
          this.turn = 1;
          this.execute(chip, other, 1, Math.min(untilCycles, clock.nextAlarmCycles), Number.POSITIVE_INFINITY);
        } else this.take(chip, untilCycles);
        if (this.stopped) return;
      }
    } finally {
      this.show(first);
    }
  }

  private registersOf(core: Core, number: 0 | 1): Int32Array {
    let view = this.registers[number];
    if (view?.buffer !== core.registers.buffer) {
      view = new Int32Array(core.registers.buffer);
      this.registers[number] = view;
    }
    return view;
  }

  private show(core: Core): void {
    this.clock.follow(core);
    this.hooks.runs(core);
  }

  /** A piece of a turn; both are awake. */
  private take(chip: Chip, untilCycles: number): void {
    const cores = [chip.core, chip.second.core] as const;
    const { blocked, clock } = this;
    const mine = this.turn;
    const theirs = mine === 0 ? 1 : 0;
    const [core, other] = [cores[mine], cores[theirs]];
    const ahead = core.cycles > other.cycles;
    const end = other.cycles + (blocked[theirs] ? 0 : this.interleaveCycles);
    const over = blocked[mine] ? ahead : core.cycles >= end || core.cycles >= clock.nextAlarmCycles;
    if (over) {
      this.turn = theirs;
      return;
    }
    const limit = Math.min(end, clock.nextAlarmCycles, mine === 0 ? untilCycles : Number.POSITIVE_INFINITY);
    this.execute(chip, core, mine, limit, other.cycles);
  }

  /** Executes instructions of a core until `limit`; one that the hot loop has not, only when it is not ahead of `bar`. */
  private execute(chip: Chip, core: Core, number: 0 | 1, limit: number, bar: number): void {
    this.show(core);
    let pc = core.PC;
    this.stopped = false;
    try {
      if (!this.fastRun) {
        core.executeInstruction();
        this.stopped = true;
        return;
      }
      if (core.interruptsUpdated) takeInterrupt(core);
      if (!this.blocked[number] && chip.flashReadable) {
        this.fastRun(core, limit, this.registersOf(core, number));
        if (core.cycles >= limit) return;
      }
      this.blocked[number] = core.cycles > bar;
      if (this.blocked[number]) return;
      pc = core.PC;
      executeSlowly(core);
      this.stopped = true;
    } catch (error) {
      if (!(error instanceof HardFault)) throw error;
      this.stopped = true;
      this.hooks.fault(core, error.message, pc);
    }
  }
}

/** Ends a core's sleep, when there is a reason to. It began before the other's time: what woke it is the other's doing. */
function wakeUp(core: Core, other: Core): boolean {
  if (wakes(core)) core.interruptsUpdated = true;
  else if (hasEvent(core)) core.eventRegistered = false;
  else return false;
  core.waiting = false;
  core.cycles = Math.max(core.cycles, other.cycles);
  return true;
}
