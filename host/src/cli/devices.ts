/** `priot devices`: what is plugged in, and the built-in devices. */
import type { Command } from 'commander';
import type { FoundPort } from '../device/serial/discovery.js';

export function register(program: Command): void {
  program
    .command('devices')
    .description('what is plugged in, and the built-in devices')
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .action(devicesCommand);
}

interface ListedDevice {
  /** What `--device` takes. */
  name: string;
  kind: 'serial' | 'emulator' | 'simulator';
  description: string;
  usbIds?: string;
  serialNumber?: string;
}

const PORT_DESCRIPTIONS: Record<FoundPort['fingerprint'], string> = {
  priot: "Pico with priot's firmware",
  pico: 'Pico with other firmware (priot flash --device PORT)',
  'raspberry-pi': 'another Raspberry Pi device, such as a debug probe (priot monitor PORT)',
  other: 'serial port',
};

const BUILT_IN: readonly ListedDevice[] = [
  { name: 'emulator', kind: 'emulator', description: 'Pico in software, with cycle counts' },
  { name: 'simulator', kind: 'simulator', description: "the firmware's engine in this process: fast, no cycle counts" },
];

async function devicesCommand(flags: { json?: true }): Promise<void> {
  const { findPorts } = await import('../device/serial/discovery.js');
  const { findBootselDrives } = await import('../device/serial/bootsel.js');
  const { PriotError } = await import('../errors.js');

  const ports = await findPorts().catch((error: unknown) => {
    // The built-in devices are there all the same.
    if (!(error instanceof PriotError)) throw error;
    process.stderr.write(`warning: ${error.message}\n  try: ${error.remedy}\n`);
    return [];
  });
  const drives = await findBootselDrives();
  const devices = [...ports.map(describe), ...BUILT_IN];
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ devices, bootselDrives: drives })}\n`);
    return;
  }
  const width = Math.max(...devices.map(({ name }) => name.length));
  for (const { name, description, usbIds, serialNumber } of devices) {
    const details = [usbIds, serialNumber && `serial number ${serialNumber}`].filter(Boolean).join(', ');
    process.stdout.write(`${name.padEnd(width)}  ${description}${details && ` (${details})`}\n`);
  }
  for (const { folder, boardId } of drives) {
    process.stdout.write(`${folder}: a board in its boot ROM (${boardId}); give it firmware: priot flash\n`);
  }
}

function describe({ path, fingerprint, ...usb }: FoundPort): ListedDevice {
  return { name: path, kind: 'serial', description: PORT_DESCRIPTIONS[fingerprint], ...usb };
}
