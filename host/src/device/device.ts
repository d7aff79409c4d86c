/** The one interface behind which every kind of device hides: a byte stream, its clock, and what it is. */

/** Time as the link sees it: real for boards, emulated for the emulator, virtual in tests. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  nowMs(): number;
  /** Resolves after `ms` of this clock's time, or rejects with the signal's reason. */
  delay(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What was opened; the place of its numbers is not known before Hello. */
export interface DeviceDescription {
  readonly kind: 'serial' | 'emulator' | 'simulator';
  /** What the user named: `emulator`, `simulator`, `/dev/ttyACM0`, `COM3`. */
  readonly name: string;
  /** USB serial number, where there is one. */
  readonly serialNumber?: string;
}

/**
 * An open byte stream to a device.
 *
 * Contract of `chunks` and `write`: asking for the next chunk says that the one before is dealt with; everything
 * written until then, microtasks included, counts as the answer to it. The emulator builds its deterministic time on
 * this (docs/emulator.md).
 */
export interface Device {
  readonly description: DeviceDescription;
  readonly clock: Clock;
  /** What the device sends, in order, until it closes. Throws DeviceError when it is lost. One consumer. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Queues bytes; resolves once more can be taken. Bytes of one call stay together. Throws DeviceError when lost. */
  write(bytes: Uint8Array): Promise<void>;
  /** Console lines (UART0) as far as the kind of device has them; called from `open` on. */
  onConsoleLine?: ((line: string) => void) | undefined;
  /** Closes the device and ends `chunks`. Idempotent. */
  close(): Promise<void>;
}
