/** Which serial ports there are, and how much each looks like a board with priot's firmware. */
import { readdir, realpath } from 'node:fs/promises';
import { DeviceError } from '../../errors.js';
import { hints } from './system.js';

/** Raspberry Pi's USB vendor id, and the product id of a Pico with a CDC port (firmware/pico/usb_descriptors.c). */
const VENDOR_ID = '2e8a';
const PRODUCT_ID = '000a';

/** A port as the operating system lists it. */
export interface ListedPort {
  path: string;
  manufacturer?: string | undefined;
  serialNumber?: string | undefined;
  /**
   * Linux: the name in /dev/serial/by-id, vendor, product and serial number in one. Windows: the path of the device,
   * which has ids and no product string.
   */
  pnpId?: string | undefined;
  friendlyName?: string | undefined;
  vendorId?: string | undefined;
  productId?: string | undefined;
}

/** What the port's USB strings and ids say; `perhaps-priot`: the ids of a Pico, and no product string to tell more. */
export type Fingerprint = 'priot' | 'perhaps-priot' | 'pico' | 'raspberry-pi' | 'other';

export interface FoundPort {
  path: string;
  fingerprint: Fingerprint;
  /** USB ids, `2e8a:000a`. */
  usbIds: string;
  serialNumber?: string;
}

/** Best first. */
const FINGERPRINTS: readonly Fingerprint[] = ['priot', 'perhaps-priot', 'pico', 'raspberry-pi', 'other'];

/**
 * Tells what is behind a port. USB ids count for nothing without the vendor's, and only the product string tells priot
 * from other firmware. Windows has none to give: "USB Serial Device (COM3)" of "Microsoft" is any board.
 */
export function fingerprint(port: ListedPort): Fingerprint {
  if (port.vendorId?.toLowerCase() !== VENDOR_ID) return 'other';
  if (port.productId?.toLowerCase() !== PRODUCT_ID) return 'raspberry-pi';
  const names = [port.pnpId, port.friendlyName, port.manufacturer].join(' ');
  if (/(^|[\s_-])priot([\s_-]|$)/i.test(names)) return 'priot';
  return /^USB\\/i.test(port.pnpId ?? '') ? 'perhaps-priot' : 'pico';
}

/**
 * Lists all serial ports on USB, the likeliest boards first. A machine's own serial ports are none of ours: PCs list
 * dozens.
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

/** What a search for the board to use came to. */
export interface Search {
  /** The one board that is priot's, or may be and is asked; undefined: there is none. */
  readonly board?: FoundPort;
  /** Boards of Raspberry Pi's that are plugged in and were not taken: whoever gets something else should know. */
  readonly passedOver: readonly FoundPort[];
}

/**
 * Looks for the one board with priot's firmware.
 * @throws DeviceError SEVERAL_BOARDS; PORTS_UNKNOWN when ports exist but nothing can tell what is behind them
 */
export async function findBoard(list?: () => Promise<ListedPort[]>): Promise<Search> {
  let ports: FoundPort[];
  try {
    ports = await findPorts(list);
  } catch (error) {
    // Without the means to list ports there may still be no doubt that there is none.
    if (process.platform === 'linux' && !(await hasUsbPorts())) return { passedOver: [] };
    throw error;
  }
  const [board, another] = likeliestBoards(ports);
  if (board && another) {
    const boards = likeliestBoards(ports);
    throw new DeviceError(
      'SEVERAL_BOARDS',
      `several boards are plugged in: ${boards.map(({ path }) => path).join(', ')}`,
      `name one: --device ${board.path}`,
    );
  }
  return board
    ? { board, passedOver: [] }
    : { passedOver: ports.filter((port) => port.fingerprint === 'pico' || port.fingerprint === 'raspberry-pi') };
}

/** Returns the boards that are priot's; when there is none, those that may be. */
export function likeliestBoards(ports: readonly FoundPort[]): FoundPort[] {
  const priot = ports.filter(({ fingerprint }) => fingerprint === 'priot');
  return priot.length > 0 ? priot : ports.filter(({ fingerprint }) => fingerprint === 'perhaps-priot');
}

/** Finds a port by its serial number or its path; undefined when there is none, or nothing can tell. */
export async function findPort(
  wanted: { path: string } | { serialNumber: string },
  list?: () => Promise<ListedPort[]>,
): Promise<FoundPort | undefined> {
  const ports = await findPorts(list).catch(() => []);
  if ('serialNumber' in wanted) return ports.find(({ serialNumber }) => serialNumber === wanted.serialNumber);
  // Users may name a link, such as those in /dev/serial/by-id.
  const real = await realpath(wanted.path).catch(() => wanted.path);
  // macOS has each port twice, and lists the one for incoming calls: /dev/tty.usbmodem101, not /dev/cu.usbmodem101.
  const paths = [wanted.path, real, wanted.path.replace('/dev/cu.', '/dev/tty.')];
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
      hints.listPorts,
      { cause },
    );
  }
}

async function hasUsbPorts(): Promise<boolean> {
  const names = await readdir('/dev').catch(() => []);
  return names.some((name) => /^tty(ACM|USB)\d/.test(name));
}
