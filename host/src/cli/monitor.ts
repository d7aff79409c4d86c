/** `priot monitor`: the firmware's console, UART0, through a debug probe or another serial adapter. */
import type { Command } from 'commander';
import { integerIn } from './options.js';

export function register(program: Command): void {
  program
    .command('monitor')
    .description("print the firmware's console (UART0: GP0 is its output) until Ctrl-C")
    .argument(
      '[port]',
      'serial port of the debug probe or adapter (left out: the only one on USB that is no priot board)',
    )
    .option('--baud <n>', 'bits a second', integerIn(300, 4_000_000), 115_200)
    .action(monitorCommand);
}

async function monitorCommand(name: string | undefined, flags: { baud: number }): Promise<void> {
  const { ReadlineParser } = await import('@serialport/parser-readline');
  const { DeviceError } = await import('../errors.js');
  const { closePort, openPort } = await import('../device/serial/serial.js');

  const path = name ?? (await onlyAdapter());
  const port = await openPort(path, flags.baud);
  process.stderr.write(`${path} at ${flags.baud} baud; Ctrl-C ends\n`);
  // The firmware ends lines with \n, other programs with \r\n.
  const lines = port.pipe(new ReadlineParser({ delimiter: '\n' }));
  lines.on('data', (line: string) => process.stdout.write(`${line.replace(/\r$/, '')}\n`));
  const end = new AbortController();
  const interrupt = () => end.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    await new Promise<void>((resolve, reject) => {
      end.signal.addEventListener('abort', () => resolve());
      const lose = (cause: Error | null) =>
        reject(new DeviceError('DEVICE_LOST', `${path}: the port is gone`, 'plug it in again', { cause }));
      port.on('error', lose);
      port.on('close', lose);
    });
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    await closePort(port);
  }
}

async function onlyAdapter(): Promise<string> {
  const { findPorts } = await import('../device/serial/discovery.js');
  const { UsageError } = await import('../errors.js');
  const ports = (await findPorts()).filter(({ fingerprint }) => fingerprint !== 'priot');
  if (ports.length === 1) return ports[0]!.path;
  const found = ports.length === 0 ? 'none is plugged in' : `there are ${ports.map(({ path }) => path).join(', ')}`;
  throw new UsageError(
    'NAME_A_PORT',
    `which serial adapter? ${found}`,
    'name the port of your debug probe: priot monitor /dev/ttyACM1',
  );
}
