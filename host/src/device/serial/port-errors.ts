/** What the operating system's refusal of a port means, and what to do about it. */
import { DeviceError } from '../../errors.js';

/**
 * Makes the error for a port that does not open. `serialport` knows no codes: its texts are strerror's, or Windows's.
 */
export function portError(path: string, cause: unknown): DeviceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const error = (code: DeviceError['code'], message: string, remedy: string) =>
    new DeviceError(code, `${path}: ${message}`, remedy, { cause });
  if (/no such file|file not found|no such device|ENXIO|ENODEV/i.test(text)) {
    return error('PORT_MISSING', 'there is no such port', 'see what is plugged in: priot devices');
  }
  // Windows says "Access denied" of a port that another program holds.
  if (/cannot lock|busy|temporarily unavailable|access denied/i.test(text)) {
    return error(
      'PORT_BUSY',
      'another program uses this port',
      `end it (ModemManager lets go by itself); on Linux this names it: fuser -v ${path}`,
    );
  }
  if (/permission denied/i.test(text)) {
    return error(
      'PORT_PERMISSION',
      'you may not use this port',
      'sudo usermod -aG dialout $USER (then log in again); or for boards only: ' +
        'priot doctor --udev-rule | sudo tee /etc/udev/rules.d/60-priot.rules (then replug the board)',
    );
  }
  if (/inappropriate ioctl|not a typewriter|invalid argument/i.test(text)) {
    return error('NOT_A_PORT', 'this is not a serial port', 'see what is plugged in: priot devices');
  }
  return error('PORT_FAILED', `the port cannot be opened: ${text}`, 'replug the board; see also: priot doctor');
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
