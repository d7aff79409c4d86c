/** Where devices come from: opened once, and again after they were lost. */
import type { Device } from './device.js';

export interface DeviceSource {
  /**
   * Opens the device; after a loss the same one again, wherever it is plugged in now.
   * @throws DeviceError; the signal's reason
   */
  open(signal?: AbortSignal): Promise<Device>;
  /** Lets go of what outlives a lost device. Idempotent. */
  close(): Promise<void>;
}
