/** `priot verify`: replays conformance cases on a device and names the first difference. */
import type { Command } from 'commander';
import { type VerifyOptions, verifyOptions } from '../options/measure.js';
import type { VerificationDocument } from '../sessions/verify.js';
import type { CaseVerdict } from '../training/verification.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('verify')
    .description('replay conformance cases on a device: the same integers as everywhere, step by step');
  addOptions(command, verifyOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(verifyCommand);
}

async function verifyCommand({ json, quiet, ...options }: VerifyOptions & TerminalOptions): Promise<void> {
  const { verify } = await import('../sessions/verify.js');
  const { ExitStatus } = await import('./exit-status.js');
  const { runVerb } = await import('./run-verb.js');
  const { cases } = await runVerb({ json, quiet }, 'stopping', (context) => verify(options, context), verdictLines);
  if (cases.some(({ match }) => match === false)) process.exitCode = ExitStatus.failed;
}

function verdictLines({ place, cases }: VerificationDocument): string[] {
  const width = Math.max(...cases.map(({ name }) => name.length));
  const lines = cases.map((verdict) => `${verdict.name.padEnd(width)}  ${verdictText(verdict)}`);
  const count = (match: boolean | null) => cases.filter((verdict) => verdict.match === match).length;
  const total = `${place}: ${count(true)} of ${cases.length} cases match, ${count(false)} differ, ${count(null)} skipped`;
  return [...lines, total];
}

function verdictText({ steps, match, firstDifference, skipped }: CaseVerdict): string {
  if (match === null) return `skipped: ${skipped}`;
  if (firstDifference === null) return `${steps} steps match`;
  const { step, layer, tensor, expected, got } = firstDifference;
  const where = layer === null ? tensor : `layer ${layer}, ${tensor}`;
  return `DIFFERS first in step ${step}, ${where}: expected ${expected}, got ${got}`;
}
