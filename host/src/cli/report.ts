/** `priot report`: runs as one page. */
import type { Command } from 'commander';
import { type ReportOptions, reportOptions } from '../options/show.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('report')
    .description('write runs as one HTML page: figures, tables, provenance; it needs no network and prints')
    .argument('<runs...>', reportOptions.runs.help);
  addOptions(command, reportOptions, ['runs']);
  command.addOption(jsonOption()).addOption(quietOption()).action(reportCommand);
}

async function reportCommand(runs: string[], words: Omit<ReportOptions, 'runs'> & TerminalOptions): Promise<void> {
  const { report } = await import('../sessions/report.js');
  const { runVerb } = await import('./run-verb.js');
  const { json, quiet, ...options } = words;
  await runVerb(
    { ...(json && { json }), ...(quiet && { quiet }) },
    'stopping',
    (context) => report({ ...options, runs }, context),
    ({ out, bytes, problems }) => [...problems, `${out}: ${bytes.toLocaleString('en')} bytes`],
  );
}
