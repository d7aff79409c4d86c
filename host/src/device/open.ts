/** Opens a device by the name the user gave. Each kind is loaded only when it is asked for. */
import { UsageError } from '../errors.js';
import type { Device, DeviceDescription } from './device.js';
import type { ListedPort } from './serial/discovery.js';
import type { DeviceSource } from './source.js';

export interface OpenDeviceOptions {
  signal?: AbortSignal;
  /** Lines of the device's console (UART0), as far as its kind has one. */
  onConsoleLine?: (line: string) => void;
  /** Emulator: how long the host takes to answer, in emulated milliseconds. */
  latencyMs?: number;
  /** Emulator: a dump of an RP2040's own boot ROM; left out: the one that comes with priot. */
  bootRom?: string;
  /** Lists the ports to search; left out: the ports of this machine. */
  listPorts?: () => Promise<ListedPort[]>;
  /** Called with what the user should know of the choice: a board that is plugged in and was not taken, say. */
  onNotice?: (text: string) => void;
}

/**
 * Opens a device by the name the user gave.
 * @param name `emulator`, `simulator` or a port; undefined: the one board whose USB ids and product string are priot's,
 * or may be where the system does not tell product strings, else the emulator. `description.name` of the result tells which it became.
 * @throws DeviceError
 */
export async function openDevice(name: string | undefined, options: OpenDeviceOptions = {}): Promise<Device> {
  const { signal, onConsoleLine, latencyMs, bootRom } = options;
  signal?.throwIfAborted();
  if (bootRom !== undefined && name !== undefined && name !== 'emulator') throw bootRomElsewhere(name);
  if (name === 'simulator') {
    const { openSimulator } = await import('./simulator/simulator.js');
    return openSimulator({ ...(signal && { signal }) });
  }
  const port = name === 'emulator' ? undefined : name ? await portNamed(name, options) : await findBoard(options);
  if (!port) {
    const { openEmulator } = await import('./emulator/emulator.js');
    return openEmulator({
      ...(onConsoleLine && { onConsoleLine }),
      ...(latencyMs !== undefined && { latencyMs }),
      ...(bootRom !== undefined && { bootRom }),
    });
  }
  if (bootRom !== undefined) throw bootRomElsewhere(port.path);
  const { openSerial } = await import('./serial/serial.js');
  const { path, serialNumber } = port;
  return openSerial(path, { ...(signal && { signal }), ...(serialNumber && { serialNumber }) });
}

/**
 * Refuses a name that can be no device's, before work is done for it. Whether a port answers, opening it tells.
 * @throws DeviceError PORT_MISSING, NOT_A_PORT
 */
export async function requireDeviceName(name: string | undefined): Promise<void> {
  if (name === undefined || name === '' || name === 'simulator' || name === 'emulator') return;
  const { requirePortName } = await import('./serial/port-errors.js');
  requirePortName(name);
}

/**
 * Opens devices as `openDevice` does; a board that was lost is found again by its serial number, whatever its port is
 * called by then.
 */
export function deviceSource(name: string | undefined, options: OpenDeviceOptions = {}): DeviceSource {
  let known: DeviceDescription | undefined;
  return {
    async open(signal) {
      const device = await openDevice(known === undefined ? name : await presentName(known, options), {
        ...options,
        ...(signal && { signal }),
      });
      known = { ...known, ...device.description };
      return device;
    },
    async close() {},
  };
}

function bootRomElsewhere(name: string): UsageError {
  return new UsageError(
    'BOOT_ROM_WITHOUT_EMULATOR',
    `${name} has its own boot ROM; --boot-rom is the emulator's`,
    'leave it out, or add: --device emulator',
  );
}

async function findBoard({ listPorts, onNotice }: OpenDeviceOptions) {
  const discovery = await import('./serial/discovery.js');
  const { board, passedOver } = await discovery.findBoard(listPorts);
  for (const { path, usbIds } of passedOver) {
    onNotice?.(
      `${path} (${usbIds}) is plugged in, and its firmware is not priot's: the emulator is taken instead; ` +
        `to put priot on a Pico: priot flash --device ${path}`,
    );
  }
  return board;
}

async function portNamed(path: string, { listPorts }: OpenDeviceOptions) {
  const { requirePortName } = await import('./serial/port-errors.js');
  requirePortName(path);
  const { findPort } = await import('./serial/discovery.js');
  return { path, serialNumber: (await findPort({ path }, listPorts))?.serialNumber };
}

async function presentName({ kind, name, serialNumber }: DeviceDescription, { listPorts }: OpenDeviceOptions) {
  if (kind !== 'serial' || serialNumber === undefined) return name;
  const { findPort } = await import('./serial/discovery.js');
  return (await findPort({ serialNumber }, listPorts))?.path ?? name;
}
