/** Opens the device a command talks to and says which one it is. */

import type { Faults } from '../device/faulty/faults.js';
import { FaultyPort } from '../device/faulty/faulty-port.js';
import { deviceSource } from '../device/open.js';
import { Connection } from '../link/connection.js';
import { encodeFrame } from '../link/frame.js';
import type { HelloReply } from '../link/link.js';
import { encodeRequest } from '../link/messages.js';

export interface OpenLinkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Lines of the device's console, as far as its kind has one, else its log messages. */
  readonly onConsoleLine?: ((line: string) => void) | undefined;
  /** Left out: the line is as good as it is. */
  readonly faults?: Faults | undefined;
}

/** Nobody waits for its answer. */
const RESTART_REQUEST_ID = 0xffff_ffff;

/**
 * The device of that name (undefined: see `--device`) after its handshake, and the way back to it; which one it is is
 * printed on stderr.
 */
export async function openConnection(name: string | undefined, options: OpenLinkOptions = {}): Promise<Connection> {
  const { signal, onConsoleLine, faults } = options;
  const port = deviceSource(name, onConsoleLine ? { onConsoleLine } : {});
  const restart = encodeFrame(encodeRequest(RESTART_REQUEST_ID, 'restart', { bootsel: false }));
  let hasConsole = false;
  const connection = await Connection.open(faults ? new FaultyPort(port, faults, restart) : port, {
    ...(signal && { signal }),
    onLogLine: (level, text) => {
      // The emulator has a console, and the same lines are there.
      if (!hasConsole) onConsoleLine?.(`${level}: ${text}`);
      if (level !== 'info') process.stderr.write(`device: ${level}: ${text}\n`);
    },
  });
  const { device, hello, place } = connection.link;
  hasConsole = device.description.kind === 'emulator';
  const commit = hello.firmwareCommit || 'of unknown commit';
  process.stderr.write(`device ${device.description.name} (${place}), firmware ${commit}\n${panicNotice(hello)}`);
  return connection;
}

function panicNotice({ lastPanic }: HelloReply): string {
  if (lastPanic === undefined) return '';
  const { reason, programCounter, linkRegister } = lastPanic;
  const hexadecimal = (address: number) => `0x${address.toString(16).padStart(8, '0')}`;
  return `device: it panicked before this start: ${reason} (PC ${hexadecimal(programCounter)}, LR ${hexadecimal(linkRegister)})\n`;
}
