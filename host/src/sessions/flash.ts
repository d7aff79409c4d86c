/** Puts the firmware on a board and proves that it runs. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { realClock } from '../device/clock.js';
import { findBootselDrives, touch } from '../device/serial/bootsel.js';
import { findPorts } from '../device/serial/discovery.js';
import { openSerial } from '../device/serial/serial.js';
import { DataError } from '../errors.js';
import { Link } from '../link/link.js';
import { complete } from '../options/option.js';
import { type FlashOptions, flashOptions } from '../options/other.js';
import type { Context, NoticeEvent, ProgressEvent } from './events.js';
import { type Boards, type FlashedBoard, flashBoard } from './flash-board.js';
import { packageRoot } from './package-files.js';

/**
 * Puts an image on a board.
 * @returns what `priot flash --json` prints
 * @throws DataError FIRMWARE_IMAGE_MISSING; what flashBoard throws
 */
export async function flash(
  options: FlashOptions = {},
  { onEvent }: Context<NoticeEvent | ProgressEvent> = {},
): Promise<FlashedBoard> {
  const { firmware, device, drive } = complete('flash', flashOptions, options);
  const path = firmware ?? join(packageRoot, 'dist/firmware/priot.uf2');
  const image = await readImage(path, firmware === undefined);
  return flashBoard({ image, imageName: basename(path), device, drive }, pluggedInBoards, {
    says: (text) => onEvent?.({ type: 'notice', text }),
    copied: (done) => onEvent?.({ type: 'progress', what: 'copying, bytes', done, of: image.length }),
  });
}

async function readImage(path: string, own: boolean): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    const remedy = own ? 'build it: make firmware' : 'name a .uf2 file that can be read';
    throw new DataError('FIRMWARE_IMAGE_MISSING', `${path} cannot be read`, remedy, { cause });
  });
}

const pluggedInBoards: Boards = {
  clock: realClock,
  drives: () => findBootselDrives(),
  ports: () => findPorts(),
  touch,
  async firmwareCommit(path) {
    const link = await Link.open(await openSerial(path));
    await link.close();
    return link.hello.firmwareCommit;
  },
};
