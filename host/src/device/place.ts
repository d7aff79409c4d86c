/** Where numbers are measured. */

/** The place of a device: a board, the emulated Pico, or the engine in the host's process. Nothing compares across places silently. */
export type Place = 'hardware' | 'emulated' | 'simulated';

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
