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
  else if (cases.some(({ error }) => error !== undefined)) process.exitCode = ExitStatus.data;
}

function verdictLines({ place, cases }: VerificationDocument): string[] {
  const width = Math.max(...cases.map(({ name }) => name.length));
  const lines = cases.map((verdict) => `${verdict.name.padEnd(width)}  ${verdictText(verdict)}`);
  const count = (which: (verdict: CaseVerdict) => boolean) => cases.filter(which).length;
  const matching = count(({ match }) => match === true);
  const differing = count(({ match }) => match === false);
  const skipped = count(({ skipped }) => skipped !== undefined);
  const unreadable = count(({ error }) => error !== undefined);
  const total = `${place}: ${matching} of ${cases.length} cases match, ${differing} differ, ${skipped} skipped`;
  return [...lines, unreadable === 0 ? total : `${total}, ${unreadable} cannot be read`];
}

function verdictText({ steps, match, firstDifference, skipped, error }: CaseVerdict): string {
  if (error !== undefined) return `CANNOT BE READ: ${error.message}`;
  if (match === null) return `skipped: ${skipped}`;
  if (firstDifference === null) return `${steps} steps match`;
  const { step, layer, tensor, expected, got } = firstDifference;
  const where = layer === null ? tensor : `layer ${layer}, ${tensor}`;
  return `DIFFERS first in step ${step}, ${where}: expected ${expected}, got ${got}`;
}
