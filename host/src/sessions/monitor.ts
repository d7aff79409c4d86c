/** Listens to the firmware's console, UART0, through a debug probe or another serial adapter. */
import { findPorts } from '../device/serial/discovery.js';
import { closePort, openPort } from '../device/serial/serial.js';
import { DeviceError, UsageError } from '../errors.js';
import { complete } from '../options/option.js';
import { type MonitorOptions, monitorOptions } from '../options/other.js';
import type { Context, NoticeEvent } from './events.js';

/** A line of the console. */
export interface ConsoleLineEvent {
  readonly type: 'line';
  readonly text: string;
}

/**
 * Gives a `line` event for each line of the console until the signal aborts.
 * @throws UsageError of the options, NAME_A_PORT; DeviceError of the port, DEVICE_LOST
 */
export async function monitor(
  options: MonitorOptions = {},
  { signal, onEvent }: Context<NoticeEvent | ConsoleLineEvent> = {},
): Promise<void> {
  const { ReadlineParser } = await import('@serialport/parser-readline');
  const { port: name, baud } = complete('monitor', monitorOptions, options);
  const path = name ?? (await onlyAdapter());
  const port = await openPort(path, baud);
  onEvent?.({ type: 'notice', text: `${path} at ${baud} baud; Ctrl-C ends` });
  // The firmware ends lines with \n, other programs with \r\n.
  const lines = port.pipe(new ReadlineParser({ delimiter: '\n' }));
  lines.on('data', (line: string) => onEvent?.({ type: 'line', text: line.replace(/\r$/, '') }));
  try {
    await new Promise<void>((resolve, reject) => {
      if (signal?.aborted) resolve();
      signal?.addEventListener('abort', () => resolve());
      const lose = (cause: Error | null) =>
        reject(new DeviceError('DEVICE_LOST', `${path}: the port is gone`, 'plug it in again', { cause }));
      port.on('error', lose);
      port.on('close', lose);
    });
  } finally {
    await closePort(port);
  }
}

async function onlyAdapter(): Promise<string> {
  const ports = (await findPorts()).filter(({ fingerprint }) => fingerprint !== 'priot');
  if (ports.length === 1) return ports[0]!.path;
  const found = ports.length === 0 ? 'none is plugged in' : `there are ${ports.map(({ path }) => path).join(', ')}`;
  throw new UsageError(
    'NAME_A_PORT',
    `which serial adapter? ${found}`,
    'name the port of your debug probe: priot monitor /dev/ttyACM1',
  );
}
