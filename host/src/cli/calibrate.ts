/** `priot calibrate`: static shifts for a network, from sample images. */
import type { Command } from 'commander';
import { type CalibrateOptions, calibrateOptions } from '../options/network.js';
import type { CalibrationDocument } from '../sessions/calibrate.js';
import { formatTable } from '../table.js';
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
  await runVerb({ json, quiet }, 'stopping; nothing is written', (context) => calibrate(options, context), shiftLines);
}

function shiftLines({ model, layers }: CalibrationDocument): string[] {
  const kinds = ['activation', 'error', 'score', 'gradient'] as const;
  const rows = layers.map((layer) => [layer.name, ...kinds.map((kind) => layer[kind] ?? null)]);
  return [`${model}: static shifts`, ...formatTable(['layer', ...kinds], rows, 'text')];
}
