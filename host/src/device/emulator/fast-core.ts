/**
 * The hot loop: ARMv6-M over the library's core state, several times as fast as the library's decoder.
 *
 * It keeps program counter, flags and remaining cycles in local variables and handles what stays inside the core, SRAM
 * and flash. Everything else (peripherals, exceptions, barriers, faults) it leaves untouched to the library: it writes
 * its locals back and returns, and the caller lets the library execute that one instruction.
 *
 * It is long on purpose. Folded are only the conditional branches, which end in one tail, and the place of a load, which
 * `readOffset` finds: both are as fast as written out (185 emulated MHz, medians of 15 interleaved runs). What is left
 * unrolled is worth its lines: an instruction that ends in `pc++; left--; continue` goes straight on to the next, and with
 * one shared tail for all of them the loop ran at 170. The labels of each class name every opcode it has, so that the
 * switch is one dense table.
 *
 * Semantics: ARMv6-M Architecture Reference Manual, A6.7. Cycles: Cortex-M0+ Technical Reference Manual, 3.3.
 */

import type { Core } from './chip.js';
import {
  FLASH_BYTES,
  FLASH_OFFSET,
  FLASH_START,
  type Memory,
  ROM_BYTES,
  ROM_OFFSET,
  SRAM_BYTES,
  SRAM_OFFSET,
  SRAM_START,
} from './memory.js';

/**
 * Runs at least one instruction if it can, until `core.cycles >= limitCycles` or an instruction is not its own.
 * `registers` are the core's, as signed numbers: for who calls it so often that a new view costs time.
 */
export type FastRun = (core: Core, limitCycles: number, registers?: Int32Array) => void;

/** The most cycles one call may run: keeps the countdown in 32 bits. */
const BUDGET_CYCLES = 1 << 30;

/** What to add to an address to get its offset in `Memory.buffer`; undefined where no code can be. */
function codeDisplacement(address: number): number | undefined {
  if ((address - SRAM_START) >>> 0 < SRAM_BYTES) return SRAM_OFFSET - SRAM_START;
  if ((address - FLASH_START) >>> 0 < FLASH_BYTES) return FLASH_OFFSET - FLASH_START;
  if (address >>> 0 < ROM_BYTES) return ROM_OFFSET;
  return undefined;
}

/** The offset in `Memory.buffer` of an address in SRAM or flash; negative for any other. */
function readOffset(address: number): number {
  const inSram = (address - SRAM_START) | 0;
  if (inSram >>> 0 < SRAM_BYTES) return inSram + SRAM_OFFSET;
  const inFlash = (address - FLASH_START) | 0;
  return inFlash >>> 0 < FLASH_BYTES ? inFlash + FLASH_OFFSET : -1;
}

/** Makes the hot loop of one memory. */
export function createFastRun(memory: Memory): FastRun {
  const m8 = new Uint8Array(memory.buffer);
  const m8s = new Int8Array(memory.buffer);
  const m16 = new Uint16Array(memory.buffer);
  const m16s = new Int16Array(memory.buffer);
  const m32 = new Int32Array(memory.buffer);

  return function run(core, limitCycles, registers) {
    const r = registers ?? new Int32Array(core.registers.buffer);
    const budget = Math.min(limitCycles - core.cycles, BUDGET_CYCLES) | 0;
    let displacement = codeDisplacement(r[15]!);
    if (displacement === undefined) return;
    /** Program counter, as an index into `m16`. */
    let pc = ((r[15]! & ~1) + displacement) >> 1;
    /** Cycles left of the budget. */
    let left = budget;
    // Flags: N is n < 0, Z is z === 0, C is c (0 or 1), V is v < 0.
    let n = core.N ? -1 : 0;
    let z = core.Z ? 0 : 1;
    let c = core.C ? 1 : 0;
    let v = core.V ? -1 : 0;

    hot: while (left > 0) {
      const op = m16[pc]!;
      let taken: boolean;
      switch (op >> 8) {
        // LSLS Rd, Rm, #imm5 (MOVS Rd, Rm when 0)
        case 0x00:
        case 0x01:
        case 0x02:
        case 0x03:
        case 0x04:
        case 0x05:
        case 0x06:
        case 0x07: {
          const shift = (op >> 6) & 31;
          const a = r[(op >> 3) & 7]!;
          if (shift !== 0) c = (a >>> (32 - shift)) & 1;
          n = z = r[op & 7] = a << shift;
          pc++;
          left--;
          continue;
        }
        // LSRS Rd, Rm, #imm5 (0 means 32)
        case 0x08:
        case 0x09:
        case 0x0a:
        case 0x0b:
        case 0x0c:
        case 0x0d:
        case 0x0e:
        case 0x0f: {
          const shift = (op >> 6) & 31;
          const a = r[(op >> 3) & 7]!;
          if (shift === 0) {
            c = a >>> 31;
            n = z = r[op & 7] = 0;
          } else {
            c = (a >>> (shift - 1)) & 1;
            n = z = r[op & 7] = (a >>> shift) | 0;
          }
          pc++;
          left--;
          continue;
        }
        // ASRS Rd, Rm, #imm5 (0 means 32)
        case 0x10:
        case 0x11:
        case 0x12:
        case 0x13:
        case 0x14:
        case 0x15:
        case 0x16:
        case 0x17: {
          const shift = (op >> 6) & 31;
          const a = r[(op >> 3) & 7]!;
          if (shift === 0) {
            c = a >>> 31;
            n = z = r[op & 7] = a >> 31;
          } else {
            c = (a >>> (shift - 1)) & 1;
            n = z = r[op & 7] = a >> shift;
          }
          pc++;
          left--;
          continue;
        }
        // ADDS Rd, Rn, Rm
        case 0x18:
        case 0x19: {
          const a = r[(op >> 3) & 7]!;
          const b = r[(op >> 6) & 7]!;
          const sum = (a + b) | 0;
          c = sum >>> 0 < a >>> 0 ? 1 : 0;
          v = (a ^ sum) & (b ^ sum);
          n = z = r[op & 7] = sum;
          pc++;
          left--;
          continue;
        }
        // SUBS Rd, Rn, Rm
        case 0x1a:
        case 0x1b: {
          const a = r[(op >> 3) & 7]!;
          const b = r[(op >> 6) & 7]!;
          const difference = (a - b) | 0;
          c = a >>> 0 >= b >>> 0 ? 1 : 0;
          v = (a ^ b) & (a ^ difference);
          n = z = r[op & 7] = difference;
          pc++;
          left--;
          continue;
        }
        // ADDS Rd, Rn, #imm3
        case 0x1c:
        case 0x1d: {
          const a = r[(op >> 3) & 7]!;
          const sum = (a + ((op >> 6) & 7)) | 0;
          c = sum >>> 0 < a >>> 0 ? 1 : 0;
          v = ~a & sum;
          n = z = r[op & 7] = sum;
          pc++;
          left--;
          continue;
        }
        // SUBS Rd, Rn, #imm3
        case 0x1e:
        case 0x1f: {
          const a = r[(op >> 3) & 7]!;
          const b = (op >> 6) & 7;
          const difference = (a - b) | 0;
          c = a >>> 0 >= b ? 1 : 0;
          v = a & ~difference;
          n = z = r[op & 7] = difference;
          pc++;
          left--;
          continue;
        }
        // MOVS Rd, #imm8
        case 0x20:
        case 0x21:
        case 0x22:
        case 0x23:
        case 0x24:
        case 0x25:
        case 0x26:
        case 0x27:
          n = z = r[(op >> 8) & 7] = op & 255;
          pc++;
          left--;
          continue;
        // CMP Rn, #imm8
        case 0x28:
        case 0x29:
        case 0x2a:
        case 0x2b:
        case 0x2c:
        case 0x2d:
        case 0x2e:
        case 0x2f: {
          const a = r[(op >> 8) & 7]!;
          const b = op & 255;
          const difference = (a - b) | 0;
          c = a >>> 0 >= b ? 1 : 0;
          v = a & ~difference;
          n = z = difference;
          pc++;
          left--;
          continue;
        }
        // ADDS Rdn, #imm8
        case 0x30:
        case 0x31:
        case 0x32:
        case 0x33:
        case 0x34:
        case 0x35:
        case 0x36:
        case 0x37: {
          const d = (op >> 8) & 7;
          const a = r[d]!;
          const sum = (a + (op & 255)) | 0;
          c = sum >>> 0 < a >>> 0 ? 1 : 0;
          v = ~a & sum;
          n = z = r[d] = sum;
          pc++;
          left--;
          continue;
        }
        // SUBS Rdn, #imm8
        case 0x38:
        case 0x39:
        case 0x3a:
        case 0x3b:
        case 0x3c:
        case 0x3d:
        case 0x3e:
        case 0x3f: {
          const d = (op >> 8) & 7;
          const a = r[d]!;
          const b = op & 255;
          const difference = (a - b) | 0;
          c = a >>> 0 >= b ? 1 : 0;
          v = a & ~difference;
          n = z = r[d] = difference;
          pc++;
          left--;
          continue;
        }
        // Data processing on two low registers; a shift by a register counts its low byte, 32 and more included
        case 0x40:
        case 0x41:
        case 0x42:
        case 0x43: {
          const d = op & 7;
          const a = r[d]!;
          const b = r[(op >> 3) & 7]!;
          switch ((op >> 6) & 15) {
            case 0x0: // ANDS
              n = z = r[d] = a & b;
              break;
            case 0x1: // EORS
              n = z = r[d] = a ^ b;
              break;
            case 0x2: {
              // LSLS
              const shift = b & 255;
              if (shift === 0) n = z = a;
              else if (shift < 32) {
                c = (a >>> (32 - shift)) & 1;
                n = z = r[d] = a << shift;
              } else {
                c = shift === 32 ? a & 1 : 0;
                n = z = r[d] = 0;
              }
              break;
            }
            case 0x3: {
              // LSRS
              const shift = b & 255;
              if (shift === 0) n = z = a;
              else if (shift < 32) {
                c = (a >>> (shift - 1)) & 1;
                n = z = r[d] = (a >>> shift) | 0;
              } else {
                c = shift === 32 ? a >>> 31 : 0;
                n = z = r[d] = 0;
              }
              break;
            }
            case 0x4: {
              // ASRS
              const shift = b & 255;
              if (shift === 0) n = z = a;
              else if (shift < 32) {
                c = (a >>> (shift - 1)) & 1;
                n = z = r[d] = a >> shift;
              } else {
                c = a >>> 31;
                n = z = r[d] = a >> 31;
              }
              break;
            }
            case 0x5: {
              // ADCS
              const sum = (a + b + c) | 0;
              c = (a >>> 0) + (b >>> 0) + c > 0xffffffff ? 1 : 0;
              v = (a ^ sum) & (b ^ sum);
              n = z = r[d] = sum;
              break;
            }
            case 0x6: {
              // SBCS
              const difference = (a - b - (1 - c)) | 0;
              c = (a >>> 0) - (b >>> 0) - (1 - c) >= 0 ? 1 : 0;
              v = (a ^ b) & (a ^ difference);
              n = z = r[d] = difference;
              break;
            }
            case 0x7: {
              // RORS
              const shift = b & 255;
              if (shift === 0) n = z = a;
              else {
                const rotated = (a >>> (shift & 31)) | (a << ((32 - shift) & 31));
                c = rotated >>> 31;
                n = z = r[d] = rotated;
              }
              break;
            }
            case 0x8: // TST
              n = z = a & b;
              break;
            case 0x9: {
              // RSBS Rd, Rm, #0
              const difference = -b | 0;
              c = b === 0 ? 1 : 0;
              v = b & difference;
              n = z = r[d] = difference;
              break;
            }
            case 0xa: {
              // CMP
              const difference = (a - b) | 0;
              c = a >>> 0 >= b >>> 0 ? 1 : 0;
              v = (a ^ b) & (a ^ difference);
              n = z = difference;
              break;
            }
            case 0xb: {
              // CMN
              const sum = (a + b) | 0;
              c = sum >>> 0 < a >>> 0 ? 1 : 0;
              v = (a ^ sum) & (b ^ sum);
              n = z = sum;
              break;
            }
            case 0xc: // ORRS
              n = z = r[d] = a | b;
              break;
            case 0xd: // MULS, one cycle on the RP2040
              n = z = r[d] = Math.imul(a, b);
              break;
            case 0xe: // BICS
              n = z = r[d] = a & ~b;
              break;
            default: // MVNS
              n = z = r[d] = ~b;
          }
          pc++;
          left--;
          continue;
        }
        // ADD Rdn, Rm (high registers; SP and PC as destination and PC as operand are left to the library)
        case 0x44: {
          const d = ((op >> 4) & 8) | (op & 7);
          const m = (op >> 3) & 15;
          if (d === 13 || d === 15 || m === 15) break hot;
          r[d] = r[d]! + r[m]!;
          pc++;
          left--;
          continue;
        }
        // CMP Rn, Rm (high registers)
        case 0x45: {
          const d = ((op >> 4) & 8) | (op & 7);
          const m = (op >> 3) & 15;
          if (d === 15 || m === 15) break hot;
          const a = r[d]!;
          const b = r[m]!;
          const difference = (a - b) | 0;
          c = a >>> 0 >= b >>> 0 ? 1 : 0;
          v = (a ^ b) & (a ^ difference);
          n = z = difference;
          pc++;
          left--;
          continue;
        }
        // MOV Rd, Rm
        case 0x46: {
          const d = ((op >> 4) & 8) | (op & 7);
          const m = (op >> 3) & 15;
          if (d === 13 || d === 15 || m === 15) break hot;
          r[d] = r[m]!;
          pc++;
          left--;
          continue;
        }
        // BX, BLX; an exception return is left to the library
        case 0x47: {
          const m = (op >> 3) & 15;
          const target = r[m]!;
          const there = codeDisplacement(target);
          if (m === 15 || there === undefined) break hot;
          if (op & 0x80) r[14] = (((pc + 1) << 1) - displacement) | 1;
          displacement = there;
          pc = ((target & ~1) + there) >> 1;
          left -= 2;
          continue;
        }
        // LDR Rt, [PC, #imm8*4]: from where the code is
        case 0x48:
        case 0x49:
        case 0x4a:
        case 0x4b:
        case 0x4c:
        case 0x4d:
        case 0x4e:
        case 0x4f:
          r[(op >> 8) & 7] = m32[((pc + 2) >> 1) + (op & 255)]!;
          pc++;
          left -= 2;
          continue;
        // STR Rt, [Rn, Rm]
        case 0x50:
        case 0x51: {
          const at = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]! - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES || at & 3) break hot;
          m32[(at + SRAM_OFFSET) >> 2] = r[op & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // STRH Rt, [Rn, Rm]
        case 0x52:
        case 0x53: {
          const at = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]! - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES || at & 1) break hot;
          m16[(at + SRAM_OFFSET) >> 1] = r[op & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // STRB Rt, [Rn, Rm]
        case 0x54:
        case 0x55: {
          const at = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]! - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES) break hot;
          m8[at + SRAM_OFFSET] = r[op & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDRSB Rt, [Rn, Rm]
        case 0x56:
        case 0x57: {
          const address = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]!) | 0;
          const at = readOffset(address);
          if (at < 0) break hot;
          r[op & 7] = m8s[at]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDR Rt, [Rn, Rm]
        case 0x58:
        case 0x59: {
          const address = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]!) | 0;
          const at = readOffset(address);
          if (at < 0 || address & 3) break hot;
          r[op & 7] = m32[at >> 2]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDRH Rt, [Rn, Rm]
        case 0x5a:
        case 0x5b: {
          const address = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]!) | 0;
          const at = readOffset(address);
          if (at < 0 || address & 1) break hot;
          r[op & 7] = m16[at >> 1]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDRB Rt, [Rn, Rm]
        case 0x5c:
        case 0x5d: {
          const address = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]!) | 0;
          const at = readOffset(address);
          if (at < 0) break hot;
          r[op & 7] = m8[at]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDRSH Rt, [Rn, Rm]
        case 0x5e:
        case 0x5f: {
          const address = (r[(op >> 3) & 7]! + r[(op >> 6) & 7]!) | 0;
          const at = readOffset(address);
          if (at < 0 || address & 1) break hot;
          r[op & 7] = m16s[at >> 1]!;
          pc++;
          left -= 2;
          continue;
        }
        // STR Rt, [Rn, #imm5*4]
        case 0x60:
        case 0x61:
        case 0x62:
        case 0x63:
        case 0x64:
        case 0x65:
        case 0x66:
        case 0x67: {
          const at = (r[(op >> 3) & 7]! + ((op >> 4) & 0x7c) - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES || at & 3) break hot;
          m32[(at + SRAM_OFFSET) >> 2] = r[op & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDR Rt, [Rn, #imm5*4]
        case 0x68:
        case 0x69:
        case 0x6a:
        case 0x6b:
        case 0x6c:
        case 0x6d:
        case 0x6e:
        case 0x6f: {
          const address = (r[(op >> 3) & 7]! + ((op >> 4) & 0x7c)) | 0;
          const at = readOffset(address);
          if (at < 0 || address & 3) break hot;
          r[op & 7] = m32[at >> 2]!;
          pc++;
          left -= 2;
          continue;
        }
        // STRB Rt, [Rn, #imm5]
        case 0x70:
        case 0x71:
        case 0x72:
        case 0x73:
        case 0x74:
        case 0x75:
        case 0x76:
        case 0x77: {
          const at = (r[(op >> 3) & 7]! + ((op >> 6) & 31) - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES) break hot;
          m8[at + SRAM_OFFSET] = r[op & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDRB Rt, [Rn, #imm5]
        case 0x78:
        case 0x79:
        case 0x7a:
        case 0x7b:
        case 0x7c:
        case 0x7d:
        case 0x7e:
        case 0x7f: {
          const address = (r[(op >> 3) & 7]! + ((op >> 6) & 31)) | 0;
          const at = readOffset(address);
          if (at < 0) break hot;
          r[op & 7] = m8[at]!;
          pc++;
          left -= 2;
          continue;
        }
        // STRH Rt, [Rn, #imm5*2]
        case 0x80:
        case 0x81:
        case 0x82:
        case 0x83:
        case 0x84:
        case 0x85:
        case 0x86:
        case 0x87: {
          const at = (r[(op >> 3) & 7]! + ((op >> 5) & 0x3e) - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES || at & 1) break hot;
          m16[(at + SRAM_OFFSET) >> 1] = r[op & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDRH Rt, [Rn, #imm5*2]
        case 0x88:
        case 0x89:
        case 0x8a:
        case 0x8b:
        case 0x8c:
        case 0x8d:
        case 0x8e:
        case 0x8f: {
          const address = (r[(op >> 3) & 7]! + ((op >> 5) & 0x3e)) | 0;
          const at = readOffset(address);
          if (at < 0 || address & 1) break hot;
          r[op & 7] = m16[at >> 1]!;
          pc++;
          left -= 2;
          continue;
        }
        // STR Rt, [SP, #imm8*4]
        case 0x90:
        case 0x91:
        case 0x92:
        case 0x93:
        case 0x94:
        case 0x95:
        case 0x96:
        case 0x97: {
          const at = (r[13]! + ((op & 255) << 2) - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES) break hot;
          m32[(at + SRAM_OFFSET) >> 2] = r[(op >> 8) & 7]!;
          pc++;
          left -= 2;
          continue;
        }
        // LDR Rt, [SP, #imm8*4]
        case 0x98:
        case 0x99:
        case 0x9a:
        case 0x9b:
        case 0x9c:
        case 0x9d:
        case 0x9e:
        case 0x9f: {
          const at = (r[13]! + ((op & 255) << 2) - SRAM_START) | 0;
          if (at >>> 0 >= SRAM_BYTES) break hot;
          r[(op >> 8) & 7] = m32[(at + SRAM_OFFSET) >> 2]!;
          pc++;
          left -= 2;
          continue;
        }
        // ADR Rd, label
        case 0xa0:
        case 0xa1:
        case 0xa2:
        case 0xa3:
        case 0xa4:
        case 0xa5:
        case 0xa6:
        case 0xa7:
          r[(op >> 8) & 7] = ((((pc + 2) << 1) - displacement) & ~3) + ((op & 255) << 2);
          pc++;
          left--;
          continue;
        // ADD Rd, SP, #imm8*4
        case 0xa8:
        case 0xa9:
        case 0xaa:
        case 0xab:
        case 0xac:
        case 0xad:
        case 0xae:
        case 0xaf:
          r[(op >> 8) & 7] = r[13]! + ((op & 255) << 2);
          pc++;
          left--;
          continue;
        // ADD SP, #imm7*4; SUB SP, #imm7*4
        case 0xb0: {
          const bytes = (op & 0x7f) << 2;
          r[13] = op & 0x80 ? r[13]! - bytes : r[13]! + bytes;
          pc++;
          left--;
          continue;
        }
        // SXTH, SXTB, UXTH, UXTB
        case 0xb2: {
          const a = r[(op >> 3) & 7]!;
          const kind = (op >> 6) & 3;
          r[op & 7] = kind === 0 ? (a << 16) >> 16 : kind === 1 ? (a << 24) >> 24 : kind === 2 ? a & 0xffff : a & 0xff;
          pc++;
          left--;
          continue;
        }
        // PUSH {list}, PUSH {list, LR}: 1 + one per register
        case 0xb4:
        case 0xb5: {
          let bytes = 0;
          for (let list = op & 0x1ff; list !== 0; list &= list - 1) bytes += 4;
          const at = (r[13]! - bytes - SRAM_START) | 0;
          if (at >>> 0 > SRAM_BYTES - 36) break hot;
          let slot = (at + SRAM_OFFSET) >> 2;
          for (let list = op & 0xff, i = 0; list !== 0; list >>= 1, i++) {
            if (list & 1) m32[slot++] = r[i]!;
          }
          if (op & 0x100) m32[slot] = r[14]!;
          r[13] = r[13]! - bytes;
          pc++;
          left -= 1 + (bytes >> 2);
          continue;
        }
        // POP {list}: 1 + one per register
        case 0xbc: {
          const at = (r[13]! - SRAM_START) | 0;
          if (at >>> 0 > SRAM_BYTES - 36) break hot;
          const first = (at + SRAM_OFFSET) >> 2;
          let slot = first;
          for (let list = op & 0xff, i = 0; list !== 0; list >>= 1, i++) {
            if (list & 1) r[i] = m32[slot++]!;
          }
          r[13] = r[13]! + ((slot - first) << 2);
          pc++;
          left -= 1 + slot - first;
          continue;
        }
        // POP {list, PC}: 3 + one per register, PC included; an exception return is left to the library
        case 0xbd: {
          const at = (r[13]! - SRAM_START) | 0;
          if (at >>> 0 > SRAM_BYTES - 36) break hot;
          const first = (at + SRAM_OFFSET) >> 2;
          let slot = first;
          for (let list = op & 0xff; list !== 0; list &= list - 1) slot++;
          const target = m32[slot]!;
          const there = codeDisplacement(target);
          if (there === undefined) break hot;
          slot = first;
          for (let list = op & 0xff, i = 0; list !== 0; list >>= 1, i++) {
            if (list & 1) r[i] = m32[slot++]!;
          }
          r[13] = r[13]! + ((slot + 1 - first) << 2);
          displacement = there;
          pc = ((target & ~1) + there) >> 1;
          left -= 4 + slot - first;
          continue;
        }
        // REV, REV16, REVSH
        case 0xba: {
          const a = r[(op >> 3) & 7]!;
          const kind = (op >> 6) & 3;
          if (kind === 2) break hot;
          if (kind === 0) r[op & 7] = (a << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);
          else if (kind === 1) r[op & 7] = ((a & 0x00ff00ff) << 8) | ((a >>> 8) & 0x00ff00ff);
          else r[op & 7] = ((a << 24) >> 16) | ((a >>> 8) & 0xff);
          pc++;
          left--;
          continue;
        }
        // NOP; the other hints are left to the library
        case 0xbf:
          if (op !== 0xbf00) break hot;
          pc++;
          left--;
          continue;
        // STM Rn!, {list}: 1 + one per register
        case 0xc0:
        case 0xc1:
        case 0xc2:
        case 0xc3:
        case 0xc4:
        case 0xc5:
        case 0xc6:
        case 0xc7: {
          const base = (op >> 8) & 7;
          const at = (r[base]! - SRAM_START) | 0;
          // a base in the list is rare, and needs the library's order of write and write-back
          if (at >>> 0 > SRAM_BYTES - 32 || at & 3 || op & (1 << base)) break hot;
          const first = (at + SRAM_OFFSET) >> 2;
          let slot = first;
          for (let list = op & 0xff, i = 0; list !== 0; list >>= 1, i++) {
            if (list & 1) m32[slot++] = r[i]!;
          }
          r[base] = r[base]! + ((slot - first) << 2);
          pc++;
          left -= 1 + slot - first;
          continue;
        }
        // LDM Rn!, {list}: 1 + one per register; no write-back when Rn is in the list
        case 0xc8:
        case 0xc9:
        case 0xca:
        case 0xcb:
        case 0xcc:
        case 0xcd:
        case 0xce:
        case 0xcf: {
          const base = (op >> 8) & 7;
          const address = r[base]!;
          let at = (address - SRAM_START) | 0;
          if (at >>> 0 <= SRAM_BYTES - 32) at += SRAM_OFFSET;
          else {
            at = (address - FLASH_START) | 0;
            if (at >>> 0 > FLASH_BYTES - 32) break hot;
            at += FLASH_OFFSET;
          }
          if (address & 3) break hot;
          const first = at >> 2;
          let slot = first;
          for (let list = op & 0xff, i = 0; list !== 0; list >>= 1, i++) {
            if (list & 1) r[i] = m32[slot++]!;
          }
          if (!(op & (1 << base))) r[base] = address + ((slot - first) << 2);
          pc++;
          left -= 1 + slot - first;
          continue;
        }
        // B<cond>: 2 taken, 1 not taken
        case 0xd0:
          taken = z === 0;
          break;
        case 0xd1:
          taken = z !== 0;
          break;
        case 0xd2:
          taken = c !== 0;
          break;
        case 0xd3:
          taken = c === 0;
          break;
        case 0xd4:
          taken = n < 0;
          break;
        case 0xd5:
          taken = n >= 0;
          break;
        case 0xd6:
          taken = v < 0;
          break;
        case 0xd7:
          taken = v >= 0;
          break;
        case 0xd8:
          taken = c !== 0 && z !== 0;
          break;
        case 0xd9:
          taken = c === 0 || z === 0;
          break;
        case 0xda:
          taken = (n ^ v) >= 0;
          break;
        case 0xdb:
          taken = (n ^ v) < 0;
          break;
        case 0xdc:
          taken = (n ^ v) >= 0 && z !== 0;
          break;
        case 0xdd:
          taken = (n ^ v) < 0 || z === 0;
          break;
        // B
        case 0xe0:
        case 0xe1:
        case 0xe2:
        case 0xe3:
        case 0xe4:
        case 0xe5:
        case 0xe6:
        case 0xe7:
          pc += 2 + ((op << 21) >> 21);
          left -= 2;
          continue;
        // BL: 3; the barriers and special registers share this space and are left to the library
        case 0xf0:
        case 0xf1:
        case 0xf2:
        case 0xf3:
        case 0xf4:
        case 0xf5:
        case 0xf6:
        case 0xf7: {
          const low = m16[pc + 1]!;
          if ((low & 0xd000) !== 0xd000) break hot;
          const sign = (op << 21) >> 31;
          const i1 = ~(sign ^ (low >> 13)) & 1;
          const i2 = ~(sign ^ (low >> 11)) & 1;
          const offset = (sign << 24) | (i1 << 23) | (i2 << 22) | ((op & 0x3ff) << 12) | ((low & 0x7ff) << 1);
          const next = ((pc + 2) << 1) - displacement;
          const there = codeDisplacement(next + offset);
          if (there === undefined) break hot;
          r[14] = next | 1;
          displacement = there;
          pc = (next + offset + there) >> 1;
          left -= 3;
          continue;
        }
        default:
          break hot;
      }
      // a conditional branch: 2 cycles when taken, 1 when not
      if (taken) {
        pc += 2 + ((op << 24) >> 24);
        left -= 2;
      } else {
        pc++;
        left--;
      }
    }

    core.N = n < 0;
    core.Z = z === 0;
    core.C = c !== 0;
    core.V = v < 0;
    r[15] = (pc << 1) - displacement;
    core.cycles += budget - left;
  };
}
