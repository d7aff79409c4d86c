/** What the operating system's refusal of a port means, and what to do about it. */
import { type Stats, statSync } from 'node:fs';
import type { CodeOf } from '../../error-codes.js';
import { DeviceError } from '../../errors.js';
import { hints as ownHints, type SystemHints } from './system.js';

/**
 * Makes the error for a port that does not open. `serialport` knows no codes: its texts are strerror's, or Windows's.
 * @param hints of the system that said it
 */
export function portError(path: string, cause: unknown, hints: SystemHints = ownHints): DeviceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const error = (code: CodeOf<'device'>, message: string, remedy: string) =>
    new DeviceError(code, `${path}: ${message}`, remedy, { cause });
  if (/no such file|file not found|no such device|ENXIO|ENODEV/i.test(text)) {
    return error('PORT_MISSING', 'there is no such port', hints.missing);
  }
  // Windows says "Access denied" of a port that another program holds.
  if (/cannot lock|busy|temporarily unavailable|access denied/i.test(text)) {
    return error('PORT_BUSY', 'another program uses this port', hints.holder(path));
  }
  if (/permission denied/i.test(text)) {
    return error('PORT_PERMISSION', 'you may not use this port', hints.permission(path));
  }
  if (/inappropriate ioctl|not a typewriter|invalid argument/i.test(text)) {
    return error('NOT_A_PORT', 'this is not a serial port', 'see what is plugged in: priot devices');
  }
  return error('PORT_FAILED', `the port cannot be opened: ${text}`, 'replug the board; see also: priot doctor');
}

/** What a file is that is no terminal; undefined for one that may be. */
function kindOf(file: Stats): string | undefined {
  if (file.isDirectory()) return 'a folder';
  if (file.isFile()) return 'a file';
  if (file.isFIFO()) return 'a pipe';
  if (file.isSocket()) return 'a socket';
  if (file.isBlockDevice()) return 'a disk';
  return undefined;
}

/**
 * Looks at what a user named before it is opened as a port: opening a pipe waits, and reading a folder says little.
 * @throws DeviceError NOT_A_PORT for what is something else; PORT_MISSING for a name that can be no port of this system
 */
export function requirePortName(path: string, hints: SystemHints = ownHints): void {
  const choices = `the built-in devices are emulator and simulator; a port is called ${hints.portExample}: priot devices`;
  if (!hints.isPortName(path)) {
    throw new DeviceError('PORT_MISSING', `${path}: no port has such a name on this system`, choices);
  }
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) {
    // COM ports are no files
    if (/[/\\]/.test(path) || hints.isPortName('COM3')) return;
    throw new DeviceError('PORT_MISSING', `${path}: there is no device of that name`, choices);
  }
  const kind = kindOf(file);
  if (kind !== undefined) throw new DeviceError('NOT_A_PORT', `${path}: this is ${kind}, not a serial port`, choices);
}

/** Makes the error for a port that failed after it was opened. */
export function portLost(path: string, cause: unknown): DeviceError {
  return new DeviceError(
    'DEVICE_LOST',
    `${path}: the device is gone`,
    'plug it in again; a training run goes on with: priot train --resume RUN',
    { cause },
  );
}
