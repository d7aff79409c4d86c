/** What the two threads of the emulator tell each other. */
import type { DeviceError } from '../../errors.js';

/** What the host did in one turn. */
export interface Actions {
  /** Bytes written, one entry per call of `write`. */
  readonly bytes: Uint8Array[];
  /** Delays that were asked for: a number of the host's own, and emulated milliseconds. */
  readonly delays: { readonly id: number; readonly ms: number }[];
  /** Delays that are waited for no longer. */
  readonly cancelled: number[];
}

/** Host to device: `turn` is the event that this answers; without it the actions come out of the blue. */
export interface Command {
  readonly turn?: number;
  readonly actions: Actions;
}

/** Device to host. An event with a `turn` wants an answer; `cycles` is the emulated time it happened at. */
export type DeviceEvent =
  | { readonly type: 'ready'; readonly cycles: number }
  | { readonly type: 'packet'; readonly turn?: number; readonly cycles: number; readonly bytes: Uint8Array }
  | { readonly type: 'elapsed'; readonly turn: number; readonly cycles: number; readonly id: number }
  | { readonly type: 'console'; readonly line: string }
  | { readonly type: 'lost'; readonly code: DeviceError['code']; readonly message: string; readonly remedy: string };

/** What the worker starts with. */
export interface WorkerSetup {
  readonly rom: Uint8Array;
  /** 2 MB. */
  readonly flash: Uint8Array;
  readonly latencyMs: number;
  readonly live: boolean;
  /** One Int32 that the host increments, and notifies, after each command. */
  readonly signal: SharedArrayBuffer;
}
