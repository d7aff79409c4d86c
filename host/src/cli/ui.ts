/** `priot ui`: the live page over a folder of runs. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { type UiOptions, uiOptions } from '../options/show.js';
import { addOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('ui')
    .description('serve a live page over a folder of runs, or a queue, on this computer alone, until Ctrl-C')
    .argument('[dir]', `${uiOptions.dir.help} (default: "${uiOptions.dir.default}")`);
  addOptions(command, uiOptions, ['dir']);
  command.action(uiCommand);
}

async function uiCommand(dir: string | undefined, options: Omit<UiOptions, 'dir'>): Promise<void> {
  const { ui } = await import('../sessions/ui.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { printLines } = await import('./terminal.js');
  const interruption = listenForInterruption('stopping');
  try {
    const server = await ui({ ...options, ...(dir !== undefined && { dir }) });
    const what = options.queue === undefined ? `in ${dir ?? uiOptions.dir.default}` : 'of the queue';
    printLines([`${server.address} shows the runs ${what}; Ctrl-C ends it`]);
    if (!interruption.signal.aborted) await once(interruption.signal, 'abort');
    await server.close();
  } finally {
    interruption.dispose();
  }
}
