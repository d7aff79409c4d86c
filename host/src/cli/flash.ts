/** `priot flash`: put the firmware on a board. */
import type { Command } from 'commander';

interface FlashFlags {
  device?: string;
  drive?: string;
  firmware?: string;
  json?: true;
}

export function register(program: Command): void {
  program
    .command('flash')
    .description("put priot's firmware on a Raspberry Pi Pico and check that it runs")
    .option('--device <port>', 'board to ask for its boot ROM (left out: a board in its boot ROM, else the only board)')
    .option('--drive <dir>', "folder where the boot ROM's drive RPI-RP2 is mounted (left out: it is looked for)")
    .option('--firmware <uf2>', 'image to put there (left out: the one of this package)')
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .action(flashCommand);
}

async function flashCommand(flags: FlashFlags): Promise<void> {
  const { basename, join } = await import('node:path');
  const { packageRoot } = await import('./package-files.js');
  const { flashBoard } = await import('./flash-board.js');
  const { Progress } = await import('./progress.js');

  const path = flags.firmware ?? join(packageRoot, 'dist/firmware/priot.uf2');
  const image = await readImage(path, flags.firmware === undefined);
  const bar = new Progress('copying, bytes', image.length, false);
  const board = await flashBoard(
    { image, imageName: basename(path), device: flags.device, drive: flags.drive },
    await pluggedInBoards(),
    {
      says: (text) => {
        bar.finish();
        process.stderr.write(`${text}\n`);
      },
      copied: (bytes) => bar.update(bytes),
    },
  );
  if (flags.json) process.stdout.write(`${JSON.stringify(board)}\n`);
  else process.stdout.write(`${board.port} runs firmware ${board.firmwareCommit}\n`);
}

async function readImage(path: string, own: boolean): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  const { DataError } = await import('../errors.js');
  return readFile(path).catch((cause: unknown) => {
    const remedy = own ? 'build it: make firmware' : 'name a .uf2 file that can be read';
    throw new DataError('FIRMWARE_IMAGE_MISSING', `${path} cannot be read`, remedy, { cause });
  });
}

async function pluggedInBoards(): Promise<import('./flash-board.js').Boards> {
  const { realClock } = await import('../device/clock.js');
  const { findBootselDrives, touch } = await import('../device/serial/bootsel.js');
  const { findPorts } = await import('../device/serial/discovery.js');
  const { openSerial } = await import('../device/serial/serial.js');
  const { Link } = await import('../link/link.js');
  return {
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
}
