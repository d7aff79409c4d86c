/** What instructions, flash and interrupts cost on a board beside the emulator, and what that makes of emulated cycles. */
import { readFileSync } from 'node:fs';
import { DataError } from '../errors.js';
import { amount, type Check, complaintError, listOf, nullable, oneOf, shape, text } from '../json-shape.js';

/** What 1,024 of something took on a board beside the emulator. */
export interface Calibration {
  readonly name: string;
  /** Cycles; null: it could not be measured there. */
  readonly measured: number | null;
  /** Cycles, as the emulator's model has them. */
  readonly emulated: number;
  /** measured / emulated */
  readonly ratio: number | null;
}

/** In the order of SELF_TEST_KIND_CYCLES (proto/priot.proto). The emulator has no rival for SRAM. */
const BENCHMARKS: readonly { readonly name: string; readonly modelledAs?: string }[] = [
  { name: 'multiply' },
  { name: 'load' },
  { name: 'store' },
  { name: 'branch' },
  { name: 'flash line, cached' },
  { name: 'flash line, missed' },
  { name: 'interrupt' },
  { name: 'load beside DMA' },
  { name: 'load of USB memory' },
  { name: 'load beside the second core', modelledAs: 'load' },
];

/** Holds what a board's self test measured beside what the emulator's did; 0 of the board: not measured. */
export function calibrate(measured: readonly number[], emulated: readonly number[]): Calibration[] {
  return BENCHMARKS.map(({ name, modelledAs = name }, at) => {
    const own = measured[at] || null;
    const model = emulated[BENCHMARKS.findIndex((other) => other.name === modelledAs)] ?? 0;
    return { name, measured: own, emulated: model, ratio: own === null || model === 0 ? null : own / model };
  });
}

/** What a bench report says of the calibration that was applied to it. */
export interface AppliedCalibration {
  /** The board it was measured on. */
  readonly boardId: string;
  /** Of the firmware that it was measured with. */
  readonly commit: string;
  /** The cheapest and the dearest instruction in SRAM, in cycles of the emulator; 1 is always between them. */
  readonly instructionRatio: { readonly low: number; readonly high: number };
  /** Cycles that a line of flash costs more when it is not in the cache. */
  readonly flashMissCycles: number;
}

/** What a step is estimated to take on the board of a calibration, between two bounds. */
export interface CalibratedCycles {
  readonly low: number;
  readonly high: number;
}

const IN_SRAM = ['multiply', 'load', 'store', 'branch'];
const CACHED_LINE = 'flash line, cached';
const MISSED_LINE = 'flash line, missed';
const TIMES = 1024;
const MALFORMED_REMEDY = 'name the file that priot selftest wrote, from a board on which its check "cycles" was run';

interface SelfTestFile {
  place: 'hardware' | 'emulated' | 'simulated';
  boardId: string;
  firmware: { commit: string };
  calibration: Calibration[];
}

const checkFile: Check<SelfTestFile> = shape<SelfTestFile>({
  place: oneOf('hardware', 'emulated', 'simulated'),
  boardId: text,
  firmware: shape<SelfTestFile['firmware']>({ commit: text }),
  calibration: listOf(
    shape<Calibration>({ name: text, measured: nullable(amount), emulated: amount, ratio: nullable(amount) }),
  ),
});

/**
 * Reads the calibration in a file of `priot selftest`.
 * @throws DataError CALIBRATION_MALFORMED: no such file, or its cycles could not be measured; CALIBRATION_NOT_HARDWARE
 */
export function readCalibration(path: string): AppliedCalibration {
  const { place, boardId, firmware, calibration } = readSelfTest(path);
  if (place !== 'hardware') {
    throw new DataError(
      'CALIBRATION_NOT_HARDWARE',
      `${path} was measured on ${place} instructions: it tells nothing of a board`,
      'measure a board: priot selftest --device PORT',
    );
  }
  const entry = (name: string) => {
    const found = calibration.find((other) => other.name === name);
    if (found?.measured == null || found.ratio === null) throw malformed(path, `it has no figure of: ${name}`);
    return { measured: found.measured, ratio: found.ratio };
  };
  const ratios = [1, ...IN_SRAM.map((name) => entry(name).ratio)];
  return {
    boardId,
    commit: firmware.commit,
    instructionRatio: { low: Math.min(...ratios), high: Math.max(...ratios) },
    flashMissCycles: Math.max(0, entry(MISSED_LINE).measured - entry(CACHED_LINE).measured) / TIMES,
  };
}

/**
 * Estimates a step's mean on the board of a calibration: what it takes in the emulator, were all of its instructions as
 * cheap, or as dear, as the one that differs most; and its reads of weights that miss the cache of flash, where they
 * were counted.
 * @param meanCycles of a step in the emulator, compute alone
 * @param weightMisses of a step
 */
export function calibratedCycles(
  meanCycles: number,
  weightMisses: number,
  { instructionRatio, flashMissCycles }: AppliedCalibration,
): CalibratedCycles {
  const flash = weightMisses * flashMissCycles;
  return { low: meanCycles * instructionRatio.low + flash, high: meanCycles * instructionRatio.high + flash };
}

function readSelfTest(path: string): SelfTestFile {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw malformed(path, (cause as Error).message, cause);
  }
  const complaints = checkFile(document, '');
  if (complaints.length > 0) throw complaintError('CALIBRATION_MALFORMED', path, complaints, MALFORMED_REMEDY);
  return document as SelfTestFile;
}

function malformed(path: string, why: string, cause?: unknown): DataError {
  return new DataError('CALIBRATION_MALFORMED', `${path}: ${why}`, MALFORMED_REMEDY, { cause });
}
