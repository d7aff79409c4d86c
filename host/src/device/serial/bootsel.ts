/** The RP2040 boot ROM's USB drive: getting a board there, finding the drive, copying an image onto it. */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeviceError } from '../../errors.js';
import { closePort, openPort } from './serial.js';

/** The boot ROM describes itself in this file of its drive. */
const INFO_FILE = 'INFO_UF2.TXT';
/** `Board-ID` of the RP2040's boot ROM; a Pico 2 says RP2350. */
const BOARD_ID = 'RPI-RP2';
/** Asks firmware for the boot ROM: a custom of Arduino's, kept by the Pico SDK and by priot's firmware. */
const TOUCH_BAUD_RATE = 1200;
const COPY_CHUNK_BYTES = 32 * 1024;

export interface BootselDrive {
  folder: string;
  /** The board id in INFO_UF2.TXT: `RPI-RP2`. */
  boardId: string;
}

/** Finds the boot ROM drives among these folders; left out: all that are mounted. */
export async function findBootselDrives(folders?: readonly string[]): Promise<BootselDrive[]> {
  const drives: BootselDrive[] = [];
  for (const folder of folders ?? (await mountedFolders())) {
    const info = await readFile(join(folder, INFO_FILE), 'utf8').catch(() => undefined);
    const boardId = info?.match(/^Board-ID:\s*(\S+)/m)?.[1];
    if (boardId) drives.push({ folder, boardId });
  }
  return drives;
}

/**
 * Checks that the drive is an RP2040's.
 * @throws DeviceError WRONG_BOARD when it is that of another chip
 */
export function requirePico(drive: BootselDrive): void {
  if (drive.boardId === BOARD_ID) return;
  throw new DeviceError(
    'WRONG_BOARD',
    `${drive.folder} belongs to another kind of board: Board-ID is ${drive.boardId}, a Pico's is ${BOARD_ID}`,
    'plug in a Raspberry Pi Pico (RP2040)',
  );
}

/**
 * Copies an image onto the drive. The board leaves as soon as it has the last block, so how the end of the copy goes
 * tells nothing.
 * @throws DeviceError COPY_FAILED
 */
export async function copyToDrive(
  drive: BootselDrive,
  image: Uint8Array,
  onProgress: (copiedBytes: number) => void,
): Promise<void> {
  let copied = 0;
  try {
    const file = await open(join(drive.folder, 'priot.uf2'), 'w');
    try {
      while (copied < image.length) {
        const { bytesWritten } = await file.write(image, copied, Math.min(COPY_CHUNK_BYTES, image.length - copied));
        copied += bytesWritten;
        await file.datasync();
        onProgress(copied);
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (copied === image.length) return;
    throw new DeviceError(
      'COPY_FAILED',
      `${drive.folder}: ${copied} of ${image.length} bytes were copied: ${(cause as Error).message}`,
      'unplug the board, hold BOOTSEL, plug it in again, and: priot flash',
      { cause },
    );
  }
}

/**
 * Asks the firmware behind a port to leave for the boot ROM.
 * @throws DeviceError as `openPort`
 */
export async function touch(path: string): Promise<void> {
  try {
    await closePort(await openPort(path, TOUCH_BAUD_RATE));
  } catch (error) {
    // It may leave while the port is still being opened, on hearing of the speed.
    if (!(error instanceof DeviceError && error.code === 'PORT_FAILED')) throw error;
  }
}

async function mountedFolders(): Promise<string[]> {
  switch (process.platform) {
    case 'win32':
      return [...'DEFGHIJKLMNOPQRSTUVWXYZ'].map((letter) => `${letter}:\\`);
    case 'darwin':
      return (await readdir('/Volumes')).map((name) => join('/Volumes', name));
    default: {
      const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
      return mounts
        .split('\n')
        .map((line) => line.split(' '))
        .filter(([, , type]) => type === 'vfat')
        .map(([, folder]) =>
          folder!.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
        );
    }
  }
}
