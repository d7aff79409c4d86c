/** `priot doctor`: what may be in the way, and the command that mends it. */
import type { Command } from 'commander';
import type { Finding } from '../sessions/doctor.js';
import { jsonOption } from './command-options.js';

export function register(program: Command): void {
  program
    .command('doctor')
    .description('check this machine, the package and the boards; each problem with the command that mends it')
    .addOption(jsonOption())
    .option('--udev-rule', 'print the udev rule that gives users of this machine their boards, and nothing else')
    .action(doctorCommand);
}

const MARKS: Record<Finding['status'], string> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

async function doctorCommand(flags: { json?: true; udevRule?: true }): Promise<void> {
  if (flags.udevRule) {
    const { UDEV_RULE } = await import('../device/serial/udev-rule.js');
    process.stdout.write(UDEV_RULE);
    return;
  }
  const { diagnose } = await import('../sessions/doctor.js');
  const { ExitStatus } = await import('./exit-status.js');
  const findings: Finding[] = [];
  for await (const finding of diagnose()) {
    findings.push(finding);
    if (flags.json) continue;
    process.stdout.write(`${MARKS[finding.status]}  ${finding.check}: ${finding.text}\n`);
    if (finding.remedy) process.stdout.write(`      try: ${finding.remedy}\n`);
  }
  const ok = findings.every(({ status }) => status !== 'fail');
  if (flags.json) process.stdout.write(`${JSON.stringify({ ok, findings })}\n`);
  if (!ok) process.exitCode = ExitStatus.failed;
}
