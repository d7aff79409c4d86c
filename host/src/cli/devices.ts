/** `priot devices`: what is plugged in, and the built-in devices. */
import type { Command } from 'commander';
import { jsonOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  program
    .command('devices')
    .description('what is plugged in, and the built-in devices')
    .addOption(jsonOption())
    .action(devicesCommand);
}

async function devicesCommand({ json }: TerminalOptions): Promise<void> {
  const { listDevices } = await import('../sessions/devices.js');
  const document = await listDevices({
    onEvent: ({ error }) => process.stderr.write(`warning: ${error.message}\n  try: ${error.remedy}\n`),
  });
  if (json) {
    process.stdout.write(`${JSON.stringify(document)}\n`);
    return;
  }
  const { devices, bootselDrives } = document;
  const width = Math.max(...devices.map(({ name }) => name.length));
  for (const { name, description, usbIds, serialNumber } of devices) {
    const details = [usbIds, serialNumber && `serial number ${serialNumber}`].filter(Boolean).join(', ');
    process.stdout.write(`${name.padEnd(width)}  ${description}${details && ` (${details})`}\n`);
  }
  for (const { folder, boardId } of bootselDrives) {
    process.stdout.write(`${folder}: a board in its boot ROM (${boardId}); give it firmware: priot flash\n`);
  }
}
