/** Puts firmware on a board: into its boot ROM, onto its drive, and back again, proved by what Hello says. */
import type { Clock } from '../device/device.js';
import { flashOfImage } from '../device/emulator/image.js';
import { type BootselDrive, copyToDrive, findBootselDrives, requirePico } from '../device/serial/bootsel.js';
import { type FoundPort, likeliestBoards } from '../device/serial/discovery.js';
import { hints } from '../device/serial/system.js';
import { DataError, DeviceError, UsageError } from '../errors.js';

/** What is plugged in, and the ways to act on it. */
export interface Boards {
  readonly clock: Clock;
  drives(): Promise<BootselDrive[]>;
  ports(): Promise<FoundPort[]>;
  /** Asks the firmware behind a port to leave for the boot ROM. */
  touch(path: string): Promise<void>;
  /** The commit that the firmware behind a port was built from. */
  firmwareCommit(path: string): Promise<string>;
}

export interface FlashRequest {
  /** UF2. */
  image: Uint8Array;
  imageName: string;
  /** Port of the board; left out: a board in its boot ROM, else the only one there is. */
  device?: string | undefined;
  /** Folder where the boot ROM's drive is mounted. */
  drive?: string | undefined;
}

export interface FlashProgress {
  says(text: string): void;
  copied(bytes: number): void;
}

export interface FlashedBoard {
  port: string;
  serialNumber?: string;
  firmwareCommit: string;
}

const POLL_MS = 250;
const DRIVE_TIMEOUT_MS = 20_000;
const BOARD_TIMEOUT_MS = 30_000;
const PORT_TIMEOUT_MS = 10_000;
const SETTLING = new Set(['PORT_MISSING', 'PORT_PERMISSION', 'PORT_BUSY']);
const UF2_MAGIC = 0x0a324655;
const HOLD_BOOTSEL = 'unplug the board, hold its BOOTSEL button, plug it in again, and: priot flash';

/**
 * Flashes a board. Nothing is written before the image, the drive and the list of ports are known to be good.
 * @throws DataError for an image that is none; DeviceError NO_BOARD, SEVERAL_BOARDS, NO_DRIVE, WRONG_BOARD,
 * COPY_FAILED, BOARD_NOT_BACK, OTHER_FIRMWARE
 */
export async function flashBoard(
  request: FlashRequest,
  boards: Boards,
  progress: FlashProgress,
): Promise<FlashedBoard> {
  const { image, imageName } = request;
  if (image.length < 4 || Buffer.from(image).readUInt32LE(0) !== UF2_MAGIC) {
    throw new DataError('NOT_UF2', `${imageName} is not a UF2 file`, 'name the .uf2 file: --firmware FILE.uf2');
  }
  const flash = Buffer.from(flashOfImage(image, imageName));

  const before = await boards.ports();
  const { drive, serialNumber, left } = await reachDrive(request, boards, before, progress);
  requirePico(drive);
  progress.says(`copying ${imageName} to ${drive.folder}`);
  await copyToDrive(drive, image, (bytes) => progress.copied(bytes));

  progress.says('waiting for the board to come back');
  const elsewhere = before.filter(({ path }) => path !== left);
  const port = await awaitBoard(boards, elsewhere, serialNumber);
  const firmwareCommit = await greet(boards, port.path);
  if (firmwareCommit === '' || !flash.includes(firmwareCommit)) {
    throw new DeviceError(
      'OTHER_FIRMWARE',
      `${port.path}: the board says its firmware is '${firmwareCommit}', and that is not in ${imageName}`,
      HOLD_BOOTSEL,
    );
  }
  return { port: port.path, ...(port.serialNumber && { serialNumber: port.serialNumber }), firmwareCommit };
}

async function reachDrive(
  { device, drive: folder }: FlashRequest,
  boards: Boards,
  ports: readonly FoundPort[],
  progress: FlashProgress,
): Promise<{ drive: BootselDrive; serialNumber?: string | undefined; left?: string }> {
  if (folder !== undefined) {
    if (device !== undefined) throw new UsageError('DEVICE_AND_DRIVE', 'give --device or --drive, not both');
    const [drive] = await findBootselDrives([folder]);
    if (drive) return { drive };
    throw new DeviceError(
      'NO_DRIVE',
      `${folder} is not the drive of a board's boot ROM: it has no INFO_UF2.TXT with a Board-ID`,
      'mount the drive called RPI-RP2 there, or leave --drive out',
    );
  }
  const present = await boards.drives();
  if (device === undefined && present.length > 0) {
    if (present.length === 1) return { drive: present[0]! };
    throw new DeviceError(
      'SEVERAL_BOARDS',
      `several boards are in their boot ROM: ${present.map((drive) => drive.folder).join(', ')}`,
      `name one: priot flash --drive ${present[0]!.folder}`,
    );
  }
  const port = device === undefined ? onlyPico(ports) : ports.find(({ path }) => path === device);
  const path = port?.path ?? device!;
  progress.says(`asking ${path} for its boot ROM`);
  await boards.touch(path);
  const known = new Set(present.map((drive) => drive.folder));
  const drive = await poll(boards.clock, DRIVE_TIMEOUT_MS, async () =>
    (await boards.drives()).find((candidate) => !known.has(candidate.folder)),
  );
  if (drive) return { drive, serialNumber: port?.serialNumber, left: path };
  throw new DeviceError(
    'NO_DRIVE',
    `${path} was asked for its boot ROM, and no drive appeared in ${DRIVE_TIMEOUT_MS / 1000} s`,
    `${hints.mountDrive}; else hold BOOTSEL while plugging the board in`,
  );
}

function onlyPico(ports: readonly FoundPort[]): FoundPort {
  const likeliest = likeliestBoards(ports);
  const candidates = likeliest.length > 0 ? likeliest : ports.filter(({ fingerprint }) => fingerprint === 'pico');
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length === 0) {
    throw new DeviceError('NO_BOARD', 'no board is plugged in, neither running nor in its boot ROM', HOLD_BOOTSEL);
  }
  throw new DeviceError(
    'SEVERAL_BOARDS',
    `several boards are plugged in: ${candidates.map(({ path }) => path).join(', ')}`,
    `name one: priot flash --device ${candidates[0]!.path}`,
  );
}

/**
 * Waits for the board. The boot ROM has no serial number of the board's own; the firmware has, so the board is known by
 * that. Whether one that may be priot's is, its Hello decides.
 * @param elsewhere the ports of other boards
 */
async function awaitBoard(
  boards: Boards,
  elsewhere: readonly FoundPort[],
  serialNumber: string | undefined,
): Promise<FoundPort> {
  const known = new Set(elsewhere.map((port) => port.serialNumber ?? port.path));
  const isBack = (port: FoundPort) =>
    (port.fingerprint === 'priot' || port.fingerprint === 'perhaps-priot') &&
    (serialNumber === undefined ? !known.has(port.serialNumber ?? port.path) : port.serialNumber === serialNumber);
  const port = await poll(boards.clock, BOARD_TIMEOUT_MS, async () => (await boards.ports()).find(isBack));
  if (port) return port;
  throw new DeviceError(
    'BOARD_NOT_BACK',
    `the image was copied, but no board${serialNumber ? ` with serial number ${serialNumber}` : ''} with priot's firmware came back in ${BOARD_TIMEOUT_MS / 1000} s`,
    `replug it and see: priot devices; else ${HOLD_BOOTSEL}`,
  );
}

/** A port that has just appeared may still be udev's, which sets its rights, or ModemManager's, which tries it out. */
async function greet(boards: Boards, path: string): Promise<string> {
  const endMs = boards.clock.nowMs() + PORT_TIMEOUT_MS;
  for (;;) {
    try {
      return await boards.firmwareCommit(path);
    } catch (error) {
      const settling = error instanceof DeviceError && SETTLING.has(error.code);
      if (!settling || boards.clock.nowMs() >= endMs) throw error;
      await boards.clock.delay(POLL_MS);
    }
  }
}

async function poll<T>(clock: Clock, timeoutMs: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const endMs = clock.nowMs() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined || clock.nowMs() >= endMs) return found;
    await clock.delay(POLL_MS);
  }
}
