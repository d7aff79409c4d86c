/** `priot monitor`: the firmware's console, UART0, through a debug probe or another serial adapter. */
import type { Command } from 'commander';
import { type MonitorOptions, monitorOptions } from '../options/other.js';
import { addOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('monitor')
    .description("print the firmware's console (UART0: GP0 is its output) until Ctrl-C")
    .argument('[port]', monitorOptions.port.help);
  addOptions(command, monitorOptions, ['port']);
  command.action(monitorCommand);
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function monitorCommand(port: string | undefined, options: Omit<MonitorOptions, 'port'>): Promise<void> {
  const { monitor } = await import('../sessions/monitor.js');
  const end = new AbortController();
  const interrupt = () => end.abort();
  for (const name of signals) process.once(name, interrupt);
  try {
    await monitor(
      { ...options, port },
      {
        signal: end.signal,
        onEvent: ({ type, text }) => (type === 'line' ? process.stdout : process.stderr).write(`${text}\n`),
      },
    );
  } finally {
    for (const name of signals) process.off(name, interrupt);
  }
}
