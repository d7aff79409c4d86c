/** `priot calibrate`: static shifts for a network, from sample images. */
import type { Command } from 'commander';
import { type CalibrateOptions, calibrateOptions } from '../options/network.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('calibrate')
    .description('choose static shifts for a network, from upright (source) or rotated (transfer) images');
  addOptions(command, calibrateOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(calibrateCommand);
}

async function calibrateCommand({ json, quiet, ...options }: CalibrateOptions & TerminalOptions): Promise<void> {
  const { calibrate } = await import('../sessions/calibrate.js');
  const { runVerb } = await import('./run-verb.js');
  await runVerb(
    { json, quiet },
    'stopping; nothing is written',
    (context) => calibrate(options, context),
    ({ model, layers }) => [model, ...layers.map((layer) => `  ${JSON.stringify(layer)}`)],
  );
}
