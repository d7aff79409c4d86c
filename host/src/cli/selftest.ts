/** `priot selftest`: tries a board, and says what of it is not as it should be. */
import type { Command } from 'commander';
import { type SelfTestOptions, selfTestOptions } from '../options/selftest.js';
import type { SelfTestDocument } from '../sessions/selftest.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('selftest')
    .description('try a board in two minutes: clocks, memories, arithmetic, watchdog, USB; the results in a file');
  addOptions(command, selfTestOptions);
  command.addOption(jsonOption()).addOption(quietOption()).action(selfTestCommand);
}

async function selfTestCommand({ json, quiet, ...options }: SelfTestOptions & TerminalOptions): Promise<void> {
  const { selfTest } = await import('../sessions/selftest.js');
  const { ExitStatus } = await import('./exit-status.js');
  const { runVerb } = await import('./run-verb.js');
  const { verdict } = await runVerb({ json, quiet }, 'stopping', (context) => selfTest(options, context), lines);
  if (verdict === 'fail') process.exitCode = ExitStatus.failed;
}

const MARKS = { pass: 'ok  ', fail: 'FAIL', skipped: '-   ' } as const;

function lines({ checks, text }: SelfTestDocument): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return [...checks.map((check) => `${MARKS[check.status]}  ${check.name.padEnd(width)}  ${check.text}`), text];
}
