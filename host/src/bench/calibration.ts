/** What instructions, flash and interrupts cost on a board beside the emulator, and what that makes of emulated cycles. */

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

/** In the order of SELF_TEST_KIND_CYCLES (proto/priot.proto). The emulator has one core and no rival for SRAM. */
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
