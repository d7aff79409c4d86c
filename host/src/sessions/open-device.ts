/** Opens the device that a session talks to. */
import type { Faults } from '../device/faulty/faults.js';
import { FaultyPort } from '../device/faulty/faulty-port.js';
import { deviceSource } from '../device/open.js';
import { Connection } from '../link/connection.js';
import { encodeFrame } from '../link/frame.js';
import { encodeRequest } from '../link/messages.js';
import type { Context, OpenedEvent } from './events.js';

/** The device to open. */
export interface DeviceChoice {
  /** `emulator`, `simulator` or a port; left out: the one priot board that is plugged in, else the emulator. */
  readonly device?: string | undefined;
  /** A dump of an RP2040's own boot ROM for the emulator to boot from; left out: the one that comes with priot. */
  readonly bootRom?: string | undefined;
  /** A test aid (docs/robustness.md); left out: the line is as good as it is. */
  readonly faults?: Faults | undefined;
}

/** Nobody waits for its answer. */
const RESTART_REQUEST_ID = 0xffff_ffff;

/**
 * Opens a device, greets it and tells which one it is (a `device` event). The connection finds the way back
 * to the same board when it is lost; close it in the end.
 * @param onConsoleLine is called with the lines of the device's console, as far as its kind has one, else its log messages
 * @throws DeviceError; the signal's reason
 */
export async function openDevice(
  choice: DeviceChoice = {},
  context: Context<OpenedEvent> = {},
  onConsoleLine?: (line: string) => void,
): Promise<Connection> {
  const { signal, onEvent } = context;
  const { device: name, faults, bootRom } = choice;
  const port = deviceSource(name, {
    ...(onConsoleLine && { onConsoleLine }),
    ...(bootRom !== undefined && { bootRom }),
    onNotice: (text) => onEvent?.({ type: 'notice', text }),
  });
  const restart = encodeFrame(encodeRequest(RESTART_REQUEST_ID, 'restart', { bootsel: false }));
  let hasConsole = false;
  const connection = await Connection.open(faults ? new FaultyPort(port, faults, restart) : port, {
    ...(signal && { signal }),
    onAttempt: ({ name, attempt, of, cause }) =>
      onEvent?.({ type: 'reconnect', name, attempt, of, text: cause.message }),
    onLogLine: (level, text) => {
      // The emulator has a console, and the same lines are there.
      if (!hasConsole) onConsoleLine?.(`${level}: ${text}`);
      if (level !== 'info') onEvent?.({ type: 'device-log', level, text });
    },
  });
  const { device, hello, place } = connection.link;
  const { kind, name: opened } = device.description;
  hasConsole = kind === 'emulator';
  const { clockHz, firmwareCommit, lastPanic = null } = hello;
  onEvent?.({ type: 'device', name: opened, kind, place, clockHz, firmwareCommit, lastPanic });
  return connection;
}
