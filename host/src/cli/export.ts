/** `priot export`: a network, with what a run learned, as a quantised ONNX file. */
import type { Command } from 'commander';
import { type ExportOptions, exportOptions } from '../options/onnx.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('export')
    .description(
      "write a network, with what a run learned, as a quantised ONNX file that gives the device's predictions",
    );
  addOptions(command, exportOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(exportCommand);
}

async function exportCommand({ json, quiet, ...options }: ExportOptions & TerminalOptions): Promise<void> {
  const { exportOnnx } = await import('../sessions/export.js');
  const { runVerb } = await import('./run-verb.js');
  await runVerb(
    { json, quiet },
    'stopping; nothing is written',
    (context) => exportOnnx(options, context),
    ({ file, bytes, edges, changed, inexactLayers }) => [
      `${file}: ${bytes} bytes, ${edges} edges, ${changed} of them pruned, negated or trained`,
      inexactLayers.length === 0
        ? "every sum is the device's, whatever the image"
        : `sums of ${inexactLayers.join(', ')} could exceed what floats hold exactly; predictions may differ where classes are nearly even`,
    ],
  );
}
