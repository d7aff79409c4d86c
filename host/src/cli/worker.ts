/** `priot worker`: trains cells of a queue on the boards of this machine. */
import type { Command } from 'commander';
import { type WorkerOptions, workerOptions } from '../options/other.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('worker')
    .description('train sessions of a queue on the devices of this machine, until Ctrl-C (docs/fleet.md)');
  addOptions(command, workerOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(workerCommand);
}

async function workerCommand(words: WorkerOptions & TerminalOptions): Promise<void> {
  const { worker } = await import('../sessions/worker.js');
  const { Display } = await import('./display.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { json, quiet, ...options } = words;
  const display = new Display(quiet === true);
  const interruption = listenForInterruption('stopping; sessions under way are saved and given back');
  try {
    const document = await worker(options, {
      signal: interruption.signal,
      onEvent(event) {
        if (event.type === 'notice') return display.show(event);
        display.line(`worker ${event.id} takes sessions from ${event.queue} for ${event.devices.join(', ')}`);
      },
    });
    if (json) process.stdout.write(`${JSON.stringify(document)}\n`);
  } finally {
    interruption.dispose();
  }
}
