/** What a cell asks of the board that trains it: `requires` in a sweep file, for sweeps over a queue. */
import { type Place, places } from '../device/place.js';
import type { SweepReader } from './sweep-reader.js';

/** What a cell asks for; what is left out may be anything. */
export interface Requirements {
  readonly place?: Place;
  /** The board's id as `priot devices` shows it: 16 hexadecimal digits. */
  readonly board?: string;
  /** A label that its worker was given. */
  readonly label?: string;
  /** Bytes that the device's arena must have. */
  readonly memory?: number;
}

/** Tells whether a text is the id of a board. */
export function isBoardId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/**
 * Reads the map `requires`; left out: nothing is asked for.
 * @throws DataError SWEEP_MALFORMED naming the key
 */
export function readRequirements(reader: SweepReader, value: unknown, what: string): Requirements {
  if (value === undefined) return {};
  const map = reader.map(value, what);
  reader.allow(map, ['place', 'board', 'label', 'memory'], what);
  const place = places.find((each) => each === map.place);
  if (map.place !== undefined && place === undefined) {
    throw reader.malformed(`${what}.place must be one of ${places.join(', ')}`);
  }
  const board = map.board === undefined ? undefined : reader.word(map.board, `${what}.board`).toLowerCase();
  if (board !== undefined && !isBoardId(board)) {
    throw reader.malformed(`${what}.board must be the id of a board: 16 hexadecimal digits, in quotes`);
  }
  return {
    ...(place !== undefined && { place }),
    ...(board !== undefined && { board }),
    ...(map.label !== undefined && { label: reader.word(map.label, `${what}.label`) }),
    ...(map.memory !== undefined && { memory: reader.count(map.memory, `${what}.memory`) }),
  };
}
