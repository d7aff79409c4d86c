/** A Pico without its USB host: chip, memories, time; power on, run, watchdog reset. */

import { Chip, type Core, wakes } from './chip.js';
import { EmulatedClock } from './emulated-clock.js';
import { createFastRun, type FastRun } from './fast-core.js';
import { FlashChip, type FlashChipOptions } from './flash-chip.js';
import { HardFault } from './hard-fault.js';
import { INTERLEAVE_CYCLES, Interleaving } from './interleaving.js';
import { FLASH_BYTES, Memory, ROM_BYTES } from './memory.js';
import { hasEvent } from './second-core.js';
import { enterHardFault, executeSlowly, takeInterrupt } from './slow-core.js';

/** Codes of the shim ROM's BKPT instructions (firmware/rom/shimrom.S). */
const BREAK_FLASH_ERASE = 0xe0;
const BREAK_FLASH_PROGRAM = 0xe1;
const BREAK_BOOTSEL = 0xe2;

const BOOTSEL_MESSAGE = 'the firmware restarted into BOOTSEL mode';
/** What tells a boot ROM where to go on after a watchdog reset: RP2040 datasheet 2.8. */
const BOOT_SCRATCH = 4;
const BOOT_MAGIC = 0xb007c0d3;
const ENTRY_SCRATCH = 7;

const SECTOR_BYTES = 4096;
const BLOCK_BYTES = 65536;
const PAGE_BYTES = 256;

const CONSOLE_LINE_LENGTH = 4096;

/** Why a machine runs no more. */
export interface Halt {
  readonly kind: 'lockup' | 'bootsel';
  readonly message: string;
  /** Program counter of the instruction that led there. */
  readonly pc: number;
}

export interface MachineOptions {
  /** The shim boot ROM, or a chip's own; at most 16 KB. */
  readonly rom: Uint8Array;
  /** The whole flash, 2 MB. */
  readonly flash: Uint8Array;
  /** The flash chip; left out: a W25Q16JV that says it is an emulated Pico's. */
  readonly flashChip?: FlashChipOptions | undefined;
  /** A line on UART0, without its end. */
  readonly onConsoleLine?: (line: string) => void;
  /** A new chip has started: after power on and after every watchdog reset. */
  readonly onStart?: (chip: Chip) => void;
  /** The core sleeps with nothing that wakes it now. True: `run` returns, and time stands still. */
  readonly onSleep?: () => boolean;
  /** The library's decoder for every instruction, uncorrected: what speed and lockstep are measured against. */
  readonly libraryCore?: boolean;
  /** How far one core may run ahead of the other (docs/emulator.md); at least 1. */
  readonly interleaveCycles?: number;
}

export class Machine {
  readonly memory: Memory;
  readonly clock = new EmulatedClock();
  readonly flashChip: FlashChip;
  chip: Chip;
  halt: Halt | undefined;
  /** Watchdog resets so far. */
  resets = 0;
  private readonly fastRun: FastRun | undefined;
  private readonly interleaving: Interleaving;
  /** Whose instruction runs. */
  private running: Core;
  private pauseRequested = false;
  private firstFault: { message: string; pc: number } | undefined;
  private consoleLine = '';

  constructor(private readonly options: MachineOptions) {
    if (options.rom.length > ROM_BYTES || options.flash.length !== FLASH_BYTES) throw new RangeError('memory sizes');
    this.memory = new Memory(options.rom, options.flash);
    this.fastRun = options.libraryCore ? undefined : createFastRun(this.memory);
    const onChange = (offset: number, count: number) => this.chip.flashChanged(offset, count);
    this.flashChip = new FlashChip(
      this.memory.flash,
      () => this.running.cycles,
      onChange,
      options.flashChip,
      () => this.skipToFlash(),
    );
    this.interleaving = new Interleaving(this.clock, this.fastRun, options.interleaveCycles ?? INTERLEAVE_CYCLES, {
      runs: (core) => {
        this.running = core;
      },
      fault: (core, message, pc) => this.fault(core, message, pc),
    });
    this.chip = this.connect(new Chip(this.memory, this.clock, this.flashChip));
    this.running = this.chip.core;
  }

  /** Emulated time since power on, in cycles of 8 ns. Sleep and flash times are in it. */
  get cycles(): number {
    return this.chip.core.cycles;
  }

  /** Whether both cores sleep and nothing that is known wakes one. */
  get asleep(): boolean {
    const { core, second } = this.chip;
    return core.waiting && !second.awake && !wakes(core) && !hasEvent(core);
  }

  /** Makes `run` return at the next instruction boundary; for callbacks of alarms. */
  pause(): void {
    this.pauseRequested = true;
  }

  /** Runs until emulated time reaches `untilCycles`, a pause, a sleep that `onSleep` ends, or a halt. */
  run(untilCycles: number): void {
    this.pauseRequested = false;
    while (!this.halt && this.chip.core.cycles < untilCycles) {
      const { core, second } = this.chip;
      if (second.awake) {
        this.interleaving.run(this.chip, untilCycles);
        this.running = core;
      } else if (core.cycles >= this.clock.nextAlarmCycles) this.clock.fireDue();
      else {
        if (core.waiting && !this.wake(core)) {
          if (this.options.onSleep?.()) return;
          this.sleepUntil(untilCycles);
          continue;
        }
        this.execute(untilCycles);
      }
      if (this.chip.resetRequested) this.reset();
      if (this.pauseRequested) return;
    }
  }

  /** Ends the sleep of the first core, when there is a reason to. */
  private wake(core: Core): boolean {
    if (wakes(core)) core.interruptsUpdated = true;
    else if (hasEvent(core)) {
      core.eventRegistered = false;
      core.cycles = Math.max(core.cycles, this.chip.second.core.cycles);
    } else return false;
    core.waiting = false;
    return true;
  }

  /** Lets a sleeping core sleep on until `untilCycles` or the next alarm. */
  sleepUntil(untilCycles: number): void {
    const { core } = this.chip;
    if (core.waiting) core.cycles = Math.max(core.cycles, Math.min(untilCycles, this.clock.nextAlarmCycles));
  }

  /** Executes instructions until the time is up, an alarm is due, or the core sleeps, faults or is reset. */
  private execute(untilCycles: number): void {
    const { chip, clock, fastRun } = this;
    const { core, second } = chip;
    let pc = core.PC;
    try {
      do {
        if (!fastRun) {
          pc = core.PC;
          core.executeInstruction();
          continue;
        }
        if (core.interruptsUpdated) takeInterrupt(core);
        if (chip.flashReadable) {
          const limit = Math.min(untilCycles, clock.nextAlarmCycles);
          fastRun(core, limit);
          if (core.cycles >= limit) return;
        }
        pc = core.PC;
        executeSlowly(core);
      } while (
        !core.waiting &&
        !second.awake &&
        !chip.resetRequested &&
        !this.halt &&
        core.cycles < untilCycles &&
        core.cycles < clock.nextAlarmCycles
      );
    } catch (error) {
      if (!(error instanceof HardFault)) throw error;
      this.fault(core, error.message, pc);
    }
  }

  private fault(core: Core, message: string, pc: number): void {
    const address = pc & ~1;
    if (core.IPSR !== 3) this.firstFault = { message, pc: address };
    if (enterHardFault(core, address)) return;
    const first = this.firstFault ?? { message, pc: address };
    this.halt = { kind: 'lockup', message: first.message, pc: first.pc };
  }

  /** Time goes on to when the flash chip is ready: the boot ROM polls it, with interrupts masked, and does nothing else. */
  private skipToFlash(): void {
    this.running.cycles = this.flashChip.busyUntilCycles;
  }

  /** A watchdog reset: a new chip; flash, SRAM and time stay. */
  private reset(): void {
    const { cycles } = this.chip.core;
    const state = this.chip.resetState();
    if (state.scratch[BOOT_SCRATCH] === BOOT_MAGIC && state.scratch[ENTRY_SCRATCH]! < ROM_BYTES) {
      // the chip's own boot ROM asks for itself: for its USB drive
      this.halt = { kind: 'bootsel', message: BOOTSEL_MESSAGE, pc: this.chip.core.PC };
      return;
    }
    this.resets++;
    this.clock.clear();
    this.firstFault = undefined;
    this.chip = this.connect(new Chip(this.memory, this.clock, this.flashChip, state), cycles);
  }

  private connect(chip: Chip, cycles = 0): Chip {
    chip.core.cycles = cycles;
    chip.second.core.cycles = cycles;
    this.running = chip.core;
    this.clock.start(chip.core);
    chip.onBreak = (code) => this.onBreak(code);
    this.consoleLine = '';
    chip.uart[0]!.onByte = (byte) => this.onConsoleByte(byte);
    this.options.onStart?.(chip);
    return chip;
  }

  private onConsoleByte(byte: number): void {
    if (byte !== 0x0a && this.consoleLine.length < CONSOLE_LINE_LENGTH) {
      if (byte !== 0x0d) this.consoleLine += String.fromCharCode(byte);
      return;
    }
    this.options.onConsoleLine?.(this.consoleLine);
    this.consoleLine = '';
  }

  private onBreak(code: number): void {
    const core = this.running;
    const inRom = core.PC >>> 0 < ROM_BYTES;
    if (inRom && code === BREAK_FLASH_ERASE) this.eraseFlash(core.registers[0]!, core.registers[1]!);
    else if (inRom && code === BREAK_FLASH_PROGRAM) {
      this.programFlash(core.registers[0]!, core.registers[1]!, core.registers[2]!);
    } else if (inRom && code === BREAK_BOOTSEL) {
      this.halt = { kind: 'bootsel', message: BOOTSEL_MESSAGE, pc: core.LR & ~1 };
    } else throw new HardFault(`breakpoint ${code}`);
  }

  /** What the boot ROM's erase does: sectors of 4 KB, or blocks of 64 KB where they fit. */
  private eraseFlash(offset: number, count: number): void {
    if (offset % SECTOR_BYTES || count % SECTOR_BYTES || offset + count > FLASH_BYTES) {
      throw new HardFault(`flash erase of ${count} bytes at offset 0x${offset.toString(16)}`);
    }
    this.requireSerialMode();
    for (let at = offset; at < offset + count; ) {
      const bytes = at % BLOCK_BYTES === 0 && offset + count - at >= BLOCK_BYTES ? BLOCK_BYTES : SECTOR_BYTES;
      this.running.cycles += this.flashChip.erase(at, bytes);
      at += bytes;
    }
  }

  /** What the boot ROM's program does: page after page. */
  private programFlash(offset: number, source: number, count: number): void {
    if (offset % PAGE_BYTES || count % PAGE_BYTES || offset + count > FLASH_BYTES) {
      throw new HardFault(`flash program of ${count} bytes at offset 0x${offset.toString(16)}`);
    }
    this.requireSerialMode();
    for (let at = 0; at < count; at += PAGE_BYTES) {
      const page = Uint8Array.from({ length: PAGE_BYTES }, (_, i) => this.chip.readUint8(source + at + i));
      this.running.cycles += this.flashChip.program(offset + at, page);
    }
  }

  private requireSerialMode(): void {
    if (this.chip.flashReadable) throw new HardFault('flash changed while execute-in-place is on');
  }
}
