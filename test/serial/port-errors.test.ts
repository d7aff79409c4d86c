import { expect, it } from 'vitest';
import { portError, requirePortName } from '#host/device/serial/port-errors.js';
import { type System, systemHints } from '#host/device/serial/system.js';

const systems = Object.keys(systemHints) as System[];
const texts = ['Error: No such file or directory', 'Access denied', 'Permission denied', 'Cannot lock port'];

it.each(systems)('on %s a refused port gets remedies of that system alone', (system) => {
  const remedies = texts.map((text) => portError('PORT', new Error(text), systemHints[system]).remedy ?? '');
  const foreign: Record<System, RegExp> = {
    linux: /lsof|usbipd|Device Manager|Finder/,
    wsl: /lsof|Device Manager|Finder/,
    macos: /usermod|fuser|udev|usbipd|Device Manager/,
    windows: /usermod|fuser|udev|sudo|lsof|\/dev\//,
  };
  expect([...remedies, systemHints[system].mountDrive].join('\n')).not.toMatch(foreign[system]);
  for (const remedy of remedies) expect(remedy).not.toBe('');
});

it('Windows says "Access denied" of a port that is in use', () => {
  const error = portError('COM3', new Error('Opening COM3: Access denied'), systemHints.windows);
  expect(error).toMatchObject({ code: 'PORT_BUSY', message: 'COM3: another program uses this port' });
});

it('COM ports of any number are names on Windows, and nowhere else', () => {
  for (const name of ['COM3', 'com10', 'COM256', '\\\\.\\COM12']) {
    expect(() => requirePortName(name, systemHints.windows)).not.toThrow();
  }
  expect(() => requirePortName('ttyACM0', systemHints.windows)).toThrow(/no port has such a name/);
  for (const system of ['linux', 'macos', 'wsl'] as const) {
    expect(() => requirePortName('COM10', systemHints[system])).toThrow(/no port has such a name/);
  }
});
