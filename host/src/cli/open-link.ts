/** Opens the device a command talks to and says which one it is. */
import { openDevice } from '../device/open.js';
import { type HelloReply, Link } from '../link/link.js';

export interface OpenLinkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Lines of the device's console, as far as its kind has one, else its log messages. */
  readonly onConsoleLine?: ((line: string) => void) | undefined;
}

/** The device of that name (undefined: see `--device`) after its handshake; which one is printed on stderr. */
export async function openLink(name: string | undefined, options: OpenLinkOptions = {}): Promise<Link> {
  const { signal, onConsoleLine } = options;
  const device = await openDevice(name, {
    ...(signal && { signal }),
    ...(onConsoleLine && { onConsoleLine }),
  });
  const { kind, name: deviceName } = device.description;
  const link = await Link.open(device, {
    ...(signal && { signal }),
    onLogLine: (level, text) => {
      // The emulator has a console, and the same lines are there.
      if (kind !== 'emulator') onConsoleLine?.(`${level}: ${text}`);
      if (level !== 'info') process.stderr.write(`device: ${level}: ${text}\n`);
    },
  });
  const commit = link.hello.firmwareCommit || 'of unknown commit';
  process.stderr.write(`device ${deviceName} (${link.place}), firmware ${commit}\n${panicNotice(link.hello)}`);
  return link;
}

function panicNotice({ lastPanic }: HelloReply): string {
  if (lastPanic === undefined) return '';
  const { reason, programCounter, linkRegister } = lastPanic;
  const hexadecimal = (address: number) => `0x${address.toString(16).padStart(8, '0')}`;
  return `device: it panicked before this start: ${reason} (PC ${hexadecimal(programCounter)}, LR ${hexadecimal(linkRegister)})\n`;
}
