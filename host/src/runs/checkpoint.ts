/**
 * state.bin: the learned state before a step, in a file that says what it is.
 *
 * Little-endian: magic `PRIOTCKP`, version u32, nextStep u32, sessionId 8 bytes, best accuracy f64 (NaN: none), state
 * length u32, the state (one byte per edge, canonical order), SHA-256 of everything before it.
 */

import { createHash } from 'node:crypto';
import { DataError } from '../errors.js';

export interface Checkpoint {
  /** 0-based number of the step that comes next, below 2^32. */
  nextStep: number;
  /** 8 bytes. */
  sessionId: Uint8Array;
  /** int8 learned state as bytes, canonical order. */
  state: Uint8Array;
  /** Best accuracy so far, 0..1. */
  best?: number;
}

const magic = Buffer.from('PRIOTCKP', 'latin1');
const formatVersion = 1;
const headerBytes = 36;
const digestBytes = 32;

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { nextStep, sessionId, state, best } = checkpoint;
  if (sessionId.length !== 8) throw new RangeError(`session id of ${sessionId.length} bytes, not 8`);
  const bodyBytes = headerBytes + state.length;
  const file = Buffer.alloc(bodyBytes + digestBytes);
  magic.copy(file, 0);
  file.writeUInt32LE(formatVersion, 8);
  file.writeUInt32LE(nextStep, 12);
  file.set(sessionId, 16);
  file.writeDoubleLE(best ?? Number.NaN, 24);
  file.writeUInt32LE(state.length, 32);
  file.set(state, headerBytes);
  file.set(sha256(file.subarray(0, bodyBytes)), bodyBytes);
  return file;
}

/**
 * Decodes a checkpoint.
 * @param path for messages
 * @throws DataError CHECKPOINT_DAMAGED for a torn, changed or foreign file, CHECKPOINT_VERSION for another version
 */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = (how: string) =>
    new DataError(
      'CHECKPOINT_DAMAGED',
      `${path} ${how}`,
      `delete ${path}: the run then replays from its first step and ends with the same state`,
    );
  if (!file.subarray(0, magic.length).equals(magic)) throw damaged('is not a priot checkpoint');
  if (file.length < headerBytes + digestBytes) throw damaged(`is torn: ${file.length} bytes`);
  const bodyBytes = file.length - digestBytes;
  const intact = sha256(file.subarray(0, bodyBytes)).equals(file.subarray(bodyBytes));
  const version = file.readUInt32LE(8);
  if (intact && version !== formatVersion) {
    throw new DataError(
      'CHECKPOINT_VERSION',
      `${path} has version ${version}, this priot reads version ${formatVersion}`,
      'resume with the priot that began the run',
    );
  }
  const stateBytes = file.readUInt32LE(32);
  if (!intact) throw damaged('is torn or was changed: its SHA-256 does not match');
  if (headerBytes + stateBytes !== bodyBytes) {
    throw damaged(`claims ${stateBytes} bytes of state and holds ${bodyBytes - headerBytes}`);
  }
  const best = file.readDoubleLE(24);
  return {
    nextStep: file.readUInt32LE(12),
    sessionId: Uint8Array.from(file.subarray(16, 24)),
    state: Uint8Array.from(file.subarray(headerBytes, bodyBytes)),
    ...(Number.isNaN(best) ? {} : { best }),
  };
}
