import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** Opens a device in a process of its own and tells whether the serialport package was loaded on the way. */
function loadsSerialport(name: string): boolean {
  const script = `
    import { createRequire } from 'node:module';
    import { openDevice } from '#host/device/open.js';
    const device = await openDevice(${JSON.stringify(name)}).catch(() => undefined);
    await device?.close();
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    process.stdout.write(String(loaded.some((path) => /node_modules.(@serialport|serialport)/.test(path))));
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout === 'true';
}

it('the simulator does without serialport', () => expect(loadsSerialport('simulator')).toBe(false));
it('the emulator does without serialport', () => expect(loadsSerialport('emulator')).toBe(false));
it('a port needs it', () => expect(loadsSerialport('/dev/ttyACM987')).toBe(true));
