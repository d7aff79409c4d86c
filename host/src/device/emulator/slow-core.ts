/**
 * One instruction by the library's core, with the machine's named corrections (docs/emulator.md): HardFaults, and the
 * cycles that the library does not charge.
 */

import type { Core } from './chip.js';
import { HardFault } from './hard-fault.js';

/** Cycles from the exception to the first instruction of its handler: Cortex-M0+ TRM 3.3, zero wait states. */
export const EXCEPTION_ENTRY_CYCLES = 15;

const EXCEPTION_NMI = 2;
const EXCEPTION_HARD_FAULT = 3;

/** Takes a pending exception when one may be taken now. */
export function takeInterrupt(core: Core): void {
  while (core.interruptsUpdated && core.checkForInterrupts()) core.cycles += EXCEPTION_ENTRY_CYCLES;
}

/** Cycles that the library forgets: one for LR of a PUSH, one for PC of a POP. */
export function missingCycles(op: number): number {
  const kind = op >> 8;
  return kind === 0xb5 || kind === 0xbd ? 1 : 0;
}

/** The alignment that a load or store needs and the address it uses; undefined when it is neither or takes bytes. */
function alignedAccess(core: Core, op: number): { address: number; mask: number } | undefined {
  const r = core.registers;
  const base = r[(op >> 3) & 7]!;
  switch (op >> 11) {
    case 0b01010: // STR, STRH, STRB, LDRSB with a register offset
    case 0b01011: {
      // LDR, LDRH, LDRB, LDRSH with a register offset
      const address = base + r[(op >> 6) & 7]!;
      const kind = (op >> 9) & 7;
      if (kind === 0 || kind === 4) return { address, mask: 3 };
      return kind === 1 || kind === 5 || kind === 7 ? { address, mask: 1 } : undefined;
    }
    case 0b01100: // STR, LDR
    case 0b01101:
      return { address: base + ((op >> 4) & 0x7c), mask: 3 };
    case 0b10000: // STRH, LDRH
    case 0b10001:
      return { address: base + ((op >> 5) & 0x3e), mask: 1 };
    case 0b11000: // STM, LDM
    case 0b11001:
      return { address: r[(op >> 8) & 7]!, mask: 3 };
    default:
      return undefined;
  }
}

/** Lets the library execute the instruction at PC. Throws HardFault where the silicon takes one. */
export function executeSlowly(core: Core): void {
  const op = core.readUint16(core.PC & ~1);
  const access = alignedAccess(core, op);
  if (access && access.address & access.mask) {
    throw new HardFault(`unaligned access to 0x${(access.address >>> 0).toString(16)}`);
  }
  core.executeInstruction();
  core.cycles += missingCycles(op);
}

/** Enters the HardFault handler for the instruction at `pc`. False: a fault in a fault handler, the core locks up. */
export function enterHardFault(core: Core, pc: number): boolean {
  if (core.IPSR === EXCEPTION_HARD_FAULT || core.IPSR === EXCEPTION_NMI) return false;
  core.PC = pc;
  try {
    core.exceptionEntry(EXCEPTION_HARD_FAULT);
  } catch (error) {
    if (error instanceof HardFault) return false;
    throw error;
  }
  core.cycles += EXCEPTION_ENTRY_CYCLES;
  return true;
}
