/** `priot verify`: replays conformance cases on a device and names the first difference. */
import type { Command } from 'commander';
import type { Faults } from '../device/faulty/faults.js';
import type { CaseVerdict } from '../training/verification.js';
import { deviceOption, faultsOption, jsonOption, quietOption } from './options.js';

interface VerifyOptions {
  device?: string;
  cases?: string;
  faults?: Faults;
  json?: true;
  quiet?: true;
}

export function register(program: Command): void {
  program
    .command('verify')
    .description('replay conformance cases on a device: the same integers as everywhere, step by step')
    .addOption(deviceOption())
    .option('--cases <folder>', 'case folders, or one case (left out: the cases that come with priot)')
    .addOption(faultsOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(verify);
}

async function verify(options: VerifyOptions): Promise<void> {
  const { ExitStatus } = await import('./exit-status.js');
  const { findCases, loadCase } = await import('../network/conformance-case.js');
  const { verifyPersistently } = await import('../training/verification.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { openDevice } = await import('../sessions/open-device.js');
  const { showDevice } = await import('./device-lines.js');
  const { defaultCases } = await import('./package-files.js');
  const { Progress } = await import('./progress.js');

  const interruption = listenForInterruption('stopping');
  const { signal } = interruption;
  try {
    const cases = findCases(options.cases ?? defaultCases).map(loadCase);
    const connection = await openDevice(options, { signal, onEvent: showDevice });
    const { place } = connection.link;
    const progress = new Progress('cases', cases.length, options.quiet === true);
    const verdicts: CaseVerdict[] = [];
    try {
      for (const expected of cases) {
        progress.update(verdicts.length, expected.name);
        verdicts.push(await verifyPersistently(connection, expected, signal));
      }
    } finally {
      progress.finish();
      await connection.close();
    }
    const text = options.json
      ? JSON.stringify({ place, cases: verdicts }, null, 2)
      : formatVerdicts(place, verdicts).join('\n');
    process.stdout.write(`${text}\n`);
    if (verdicts.some(({ match }) => match === false)) process.exitCode = ExitStatus.failed;
  } finally {
    interruption.dispose();
  }
}

function formatVerdicts(place: string, verdicts: readonly CaseVerdict[]): string[] {
  const width = Math.max(...verdicts.map(({ name }) => name.length));
  const lines = verdicts.map((verdict) => `${verdict.name.padEnd(width)}  ${verdictText(verdict)}`);
  const count = (match: boolean | null) => verdicts.filter((verdict) => verdict.match === match).length;
  const total = `${place}: ${count(true)} of ${verdicts.length} cases match, ${count(false)} differ, ${count(null)} skipped`;
  return [...lines, total];
}

function verdictText({ steps, match, firstDifference, skipped }: CaseVerdict): string {
  if (match === null) return `skipped: ${skipped}`;
  if (firstDifference === null) return `${steps} steps match`;
  const { step, layer, tensor, expected, got } = firstDifference;
  const where = layer === null ? tensor : `layer ${layer}, ${tensor}`;
  return `DIFFERS first in step ${step}, ${where}: expected ${expected}, got ${got}`;
}
