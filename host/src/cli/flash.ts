/** `priot flash`: put the firmware on a board. */
import type { Command } from 'commander';
import { type FlashOptions, flashOptions } from '../options/other.js';
import { addOptions, jsonOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('flash')
    .description("put priot's firmware on a Raspberry Pi Pico and check that it runs");
  addOptions(command, flashOptions);
  command.addOption(jsonOption()).action(flashCommand);
}

async function flashCommand({ json, ...options }: FlashOptions & TerminalOptions): Promise<void> {
  const { flash } = await import('../sessions/flash.js');
  const { Display } = await import('./display.js');
  const display = new Display(false);
  try {
    const board = await flash(options, { onEvent: display.show });
    display.end();
    process.stdout.write(json ? `${JSON.stringify(board)}\n` : `${board.port} runs firmware ${board.firmwareCommit}\n`);
  } finally {
    display.end();
  }
}
