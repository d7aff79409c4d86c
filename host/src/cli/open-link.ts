/** Opens the device a command talks to and says which one it is. */
import { openDevice } from '../device/open.js';
import { Link } from '../link/link.js';

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
  try {
    const link = await Link.open(device, {
      ...(signal && { signal }),
      onLogLine: (level, text) => {
        if (kind !== 'emulator') onConsoleLine?.(`${level}: ${text}`);
        if (level !== 'info') process.stderr.write(`device: ${level}: ${text}\n`);
      },
    });
    const commit = link.hello.firmwareCommit || 'of unknown commit';
    process.stderr.write(`device ${deviceName} (${link.place}), firmware ${commit}\n`);
    return link;
  } catch (error) {
    await device.close();
    throw error;
  }
}
