/** `priot pretrain`: a backbone from scratch, on the host, in integers. */
import type { Command } from 'commander';
import { type PretrainOptions, pretrainOptions } from '../options/network.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('pretrain')
    .description('train a backbone from scratch on upright images, on this computer, in integers (NITI)');
  addOptions(command, pretrainOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(pretrainCommand);
}

async function pretrainCommand({ json, quiet, ...options }: PretrainOptions & TerminalOptions): Promise<void> {
  const { pretrain } = await import('../sessions/pretrain.js');
  const { runVerb } = await import('./run-verb.js');
  await runVerb(
    { json, quiet },
    'stopping; what was trained is saved',
    (context) => pretrain(options, context),
    ({ model, edges, images, imageSet, accuracy }) =>
      `${model}: ${edges} edges, accuracy ${accuracy.toFixed(4)} on ${images} upright images of ${imageSet}`,
  );
}
