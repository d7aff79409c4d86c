import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { Link } from '#host/link/link.js';
import { flashOf, withRegisters } from './programs.js';

test('the firmware greets as an emulated Pico, on its console too', async () => {
  const lines: string[] = [];
  const link = await Link.open(await openEmulator({ onConsoleLine: (line) => lines.push(line) }));
  expect(link.place).toBe('emulated');
  expect(link.device.description).toEqual({ kind: 'emulator', name: 'emulator' });
  expect(link.statistics).toMatchObject({ crcErrors: 0, retries: 0, timeouts: 0 });
  expect(lines[0]).toMatch(/^priot /);
  await link.close();
});

test('a watchdog reset in the midst of a session: the device comes back as another boot', async () => {
  const device = await openEmulator();
  const link = await Link.open(device);
  const lines: string[] = [];
  const restarted = new Promise<void>((resolve) => {
    device.onConsoleLine = (line) => {
      lines.push(line);
      resolve();
    };
  });
  await link.request('restart', {});
  // the emulated second in which it restarts and is enumerated again
  await device.clock.delay(1000);
  await restarted;
  expect(lines[0]).toMatch(/after (request|watchdog)/);
  await link.close();
});

test('a firmware that crashes is a device that is lost, with the place of the crash', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'priot-emulator-'));
  try {
    const firmware = join(folder, 'crash.bin');
    writeFileSync(firmware, flashOf(withRegisters([3], [0x6801]))); // LDR r1, [r0] of address 3
    await expect(openEmulator({ firmware })).rejects.toMatchObject({
      code: 'FIRMWARE_FAULT',
      class: 'device',
      message: expect.stringContaining('PC 0x20041f02'),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
