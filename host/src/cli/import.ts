/** `priot import`: a network folder from a trained model in an ONNX file. */
import type { Command } from 'commander';
import { type ImportOptions, importOptions } from '../options/onnx.js';
import type { ImportDocument } from '../sessions/import.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('import')
    .description(
      'make a network of a trained ONNX model: quantised to integers, batch normalisation and input normalisation folded',
    )
    .argument('<file>', importOptions.file.help);
  addOptions(command, importOptions, ['file']);
  command.addOption(jsonOption()).addOption(quietOption()).action(importCommand);
}

async function importCommand(file: string, words: Omit<ImportOptions, 'file'> & TerminalOptions): Promise<void> {
  const { importOnnx } = await import('../sessions/import.js');
  const { runVerb } = await import('./run-verb.js');
  const { json, quiet, ...options } = words;
  await runVerb(
    { json, quiet },
    'stopping; nothing is written',
    (context) => importOnnx({ ...options, file }, context),
    lines,
  );
}

function lines({ network, edges, layers, biases, accuracy, deviations }: ImportDocument): string[] {
  const made = `${network}: ${layers} layers, ${edges} edges, ${biases} biases`;
  if (accuracy === null || deviations === null) {
    return [made, 'no accuracy and no static shifts: name a data set with --dataset to have both'];
  }
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return [
    made,
    `accuracy on ${accuracy.images} test images: ${accuracy.integer.toFixed(4)} in integers, ${accuracy.float.toFixed(4)} in floating point`,
    'where integers part from it, as a share of the outputs (the layer alone; with those below it):',
    ...deviations.map(
      ({ layer, own, total }) => `  ${layer.padEnd(8)} ${percent(own).padStart(8)} ${percent(total).padStart(8)}`,
    ),
  ];
}
