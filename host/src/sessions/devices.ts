/** Lists what is plugged in, and the built-in devices. */
import type { DeviceDescription } from '../device/device.js';
import { type BootselDrive, findBootselDrives } from '../device/serial/bootsel.js';
import { type FoundPort, findPorts } from '../device/serial/discovery.js';
import { PriotError } from '../errors.js';
import type { Context } from './events.js';

export interface ListedDevice {
  /** What the option `device` takes. */
  readonly name: string;
  readonly kind: DeviceDescription['kind'];
  readonly description: string;
  readonly usbIds?: string;
  readonly serialNumber?: string;
}

/** What `priot devices --json` prints. */
export interface DevicesDocument {
  readonly devices: readonly ListedDevice[];
  readonly bootselDrives: readonly BootselDrive[];
}

/** The serial ports could not be listed. */
export interface WarningEvent {
  readonly type: 'warning';
  readonly error: PriotError;
}

const PORT_DESCRIPTIONS: Record<FoundPort['fingerprint'], string> = {
  priot: "Pico with priot's firmware",
  'perhaps-priot': 'Pico; this system does not tell with which firmware, its Hello will (priot doctor)',
  pico: 'Pico with other firmware (priot flash --device PORT)',
  'raspberry-pi': 'another Raspberry Pi device, such as a debug probe (priot monitor PORT)',
  other: 'serial port',
};

const BUILT_IN: readonly ListedDevice[] = [
  { name: 'emulator', kind: 'emulator', description: 'Pico in software, with cycle counts' },
  { name: 'simulator', kind: 'simulator', description: "the firmware's engine in this process: fast, no cycle counts" },
];

/** Lists devices. Where serial ports cannot be listed, that is a `warning` event, and the rest is listed. */
export async function listDevices({ onEvent }: Context<WarningEvent> = {}): Promise<DevicesDocument> {
  const ports = await findPorts().catch((error: unknown) => {
    // The built-in devices are there all the same.
    if (!(error instanceof PriotError)) throw error;
    onEvent?.({ type: 'warning', error });
    return [];
  });
  const bootselDrives = await findBootselDrives();
  return { devices: [...ports.map(describe), ...BUILT_IN], bootselDrives };
}

function describe({ path, fingerprint, ...usb }: FoundPort): ListedDevice {
  return { name: path, kind: 'serial', description: PORT_DESCRIPTIONS[fingerprint], ...usb };
}
