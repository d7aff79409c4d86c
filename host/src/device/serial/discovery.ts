/** Which serial ports there are, and how much each looks like a board with priot's firmware. */
import { readdir, realpath } from 'node:fs/promises';
import { DeviceError } from '../../errors.js';

/** Raspberry Pi's USB vendor id, and the product id of a Pico with a CDC port (firmware/pico/usb_descriptors.c). */
const VENDOR_ID = '2e8a';
const PRODUCT_ID = '000a';

/** A port as the operating system lists it. */
export interface ListedPort {
  path: string;
  manufacturer?: string | undefined;
  serialNumber?: string | undefined;
  /** Linux: the name in /dev/serial/by-id, vendor, product and serial number in one. */
  pnpId?: string | undefined;
  friendlyName?: string | undefined;
  vendorId?: string | undefined;
  productId?: string | undefined;
}

/** What the port's USB strings and ids say. */
export type Fingerprint = 'priot' | 'pico' | 'raspberry-pi' | 'other';

export interface FoundPort {
  path: string;
  fingerprint: Fingerprint;
  /** USB ids, `2e8a:000a`. */
  usbIds: string;
  serialNumber?: string;
}

/** Best first. */
const FINGERPRINTS: readonly Fingerprint[] = ['priot', 'pico', 'raspberry-pi', 'other'];

/** USB ids count for nothing without the vendor's, and only the product string tells priot from other firmware. */
export function fingerprint(port: ListedPort): Fingerprint {
  if (port.vendorId?.toLowerCase() !== VENDOR_ID) return 'other';
  if (port.productId?.toLowerCase() !== PRODUCT_ID) return 'raspberry-pi';
  const names = [port.pnpId, port.friendlyName, port.manufacturer].join(' ');
  return /(^|[\s_-])priot([\s_-]|$)/i.test(names) ? 'priot' : 'pico';
}

/**
 * All serial ports on USB, the likeliest boards first. A machine's own serial ports are none of ours: PCs list dozens.
 * @throws DeviceError PORTS_UNKNOWN when the system cannot list them
 */
export async function findPorts(list: () => Promise<ListedPort[]> = listPorts): Promise<FoundPort[]> {
  const found = (await list()).flatMap((port): FoundPort[] => {
    const { path, vendorId, productId, serialNumber } = port;
    if (!vendorId || !productId) return [];
    const usbIds = `${vendorId}:${productId}`.toLowerCase();
    return [{ path, fingerprint: fingerprint(port), usbIds, ...(serialNumber && { serialNumber }) }];
  });
  const rank = (port: FoundPort) => FINGERPRINTS.indexOf(port.fingerprint);
  return found.sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
}

/**
 * The one board with priot's firmware; undefined when there is none.
 * @throws DeviceError SEVERAL_BOARDS; PORTS_UNKNOWN when ports exist but nothing can tell what is behind them
 */
export async function findBoard(list?: () => Promise<ListedPort[]>): Promise<FoundPort | undefined> {
  let ports: FoundPort[];
  try {
    ports = await findPorts(list);
  } catch (error) {
    // Without the means to list ports there may still be no doubt that there is none.
    if (process.platform === 'linux' && !(await hasUsbPorts())) return undefined;
    throw error;
  }
  const boards = ports.filter((port) => port.fingerprint === 'priot');
  if (boards.length > 1) {
    throw new DeviceError(
      'SEVERAL_BOARDS',
      `several boards are plugged in: ${boards.map(({ path }) => path).join(', ')}`,
      `name one: --device ${boards[0]!.path}`,
    );
  }
  return boards[0];
}

/** A port by its serial number or its path; undefined when there is none, or nothing can tell. */
export async function findPort(
  wanted: { path: string } | { serialNumber: string },
  list?: () => Promise<ListedPort[]>,
): Promise<FoundPort | undefined> {
  const ports = await findPorts(list).catch(() => []);
  if ('serialNumber' in wanted) return ports.find(({ serialNumber }) => serialNumber === wanted.serialNumber);
  // Users may name a link, such as those in /dev/serial/by-id.
  const paths = [wanted.path, await realpath(wanted.path).catch(() => wanted.path)];
  return ports.find(({ path }) => paths.includes(path));
}

async function listPorts(): Promise<ListedPort[]> {
  const { SerialPort } = await import('serialport');
  try {
    return await SerialPort.list();
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DeviceError(
      'PORTS_UNKNOWN',
      `the serial ports cannot be listed: ${missing ? 'the program udevadm is missing' : (cause as Error).message}`,
      'sudo apt install udev, or name the port: --device /dev/ttyACM0',
      { cause },
    );
  }
}

async function hasUsbPorts(): Promise<boolean> {
  const names = await readdir('/dev').catch(() => []);
  return names.some((name) => /^tty(ACM|USB)\d/.test(name));
}
