/** Opens a device by the name the user gave. Each kind is loaded only when it is asked for. */
import type { Device } from './device.js';

export interface OpenDeviceOptions {
  signal?: AbortSignal;
  /** Lines of the device's console (UART0), as far as its kind has one. */
  onConsoleLine?: (line: string) => void;
  /** Emulator: how long the host takes to answer, in emulated milliseconds. */
  latencyMs?: number;
}

/**
 * @param name `emulator`, `simulator` or a port; undefined: the one board whose USB ids and product string are priot's,
 * else the emulator. `description.name` of the result tells which it became.
 * @throws DeviceError
 */
export async function openDevice(name: string | undefined, options: OpenDeviceOptions = {}): Promise<Device> {
  const { signal, onConsoleLine, latencyMs } = options;
  signal?.throwIfAborted();
  if (name === 'simulator') {
    const { openSimulator } = await import('./simulator/simulator.js');
    return openSimulator({ ...(signal && { signal }) });
  }
  const port = name === 'emulator' ? undefined : name ? { path: name, serialNumber: undefined } : await findBoard();
  if (!port) {
    const { openEmulator } = await import('./emulator/emulator.js');
    return openEmulator({ ...(onConsoleLine && { onConsoleLine }), ...(latencyMs !== undefined && { latencyMs }) });
  }
  const { openSerial } = await import('./serial/serial.js');
  const { path, serialNumber } = port;
  return openSerial(path, { ...(signal && { signal }), ...(serialNumber && { serialNumber }) });
}

async function findBoard() {
  const discovery = await import('./serial/discovery.js');
  return discovery.findBoard();
}
