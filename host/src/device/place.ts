/** Where numbers are measured. */

/** Holds every place of a device: a board, the emulated Pico, or the engine in the host's process. */
export const places = ['hardware', 'emulated', 'simulated'] as const;
/** The place of a device. Nothing compares across places silently. */
export type Place = (typeof places)[number];

/**
 * Tells a device's place from its board id alone: the simulator and the emulator present reserved ids, and
 * whatever else answers is a board (docs/wire.md).
 */
export function placeOf(boardId: Uint8Array): Place {
  switch (Buffer.from(boardId).toString('latin1')) {
    case 'PRIOTSIM':
      return 'simulated';
    case 'PRIOTEMU':
      return 'emulated';
    default:
      return 'hardware';
  }
}
