/**
 * What others need for the same network, tiny-cnn, on the same core. Measured for this project in the emulator with gcc 12.2 -O3,
 * code and data in SRAM, one image (docs/benchmarks.md); not figures that those projects publish.
 */
export interface ReferenceFigure {
  readonly name: string;
  readonly what: string;
  readonly cycles: number;
}

/** Forward multiply-accumulates of the network that the figures are of. */
export const REFERENCE_MACS = 333_056;

export const referenceFigures: readonly ReferenceFigure[] = [
  { name: 'CMSIS-NN', what: 'int8, forward pass only', cycles: 5_874_000 },
  { name: 'AIfES', what: 'float32, whole step', cycles: 346_900_000 },
];
