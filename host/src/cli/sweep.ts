/** `priot sweep`: the sessions of a sweep file on a pool of devices, and one table of their results. */
import type { Command } from 'commander';
import { type SweepOptions, sweepOptions } from '../options/other.js';
import { addOptions, jsonOption, quietOption, type TerminalOptions } from './command-options.js';

export function register(program: Command): void {
  const command = program
    .command('sweep')
    .description(
      'run the sessions of a sweep file on a pool of devices or the workers of a queue, resumably, and tabulate their results',
    )
    .argument('<file>', sweepOptions.file.help);
  addOptions(command, sweepOptions, ['file']);
  command.addOption(jsonOption()).addOption(quietOption()).action(sweepCommand);
}

async function sweepCommand(file: string, words: Omit<SweepOptions, 'file'> & TerminalOptions): Promise<void> {
  const { FailedError } = await import('../errors.js');
  const { sweep } = await import('../sessions/sweep.js');
  const { formatTable } = await import('../sweep/sweep-table.js');
  const { Display } = await import('./display.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { json, quiet, ...options } = words;
  const display = new Display(quiet === true);
  const interruption = listenForInterruption(
    options.queue === undefined ? 'stopping; sessions under way are saved' : 'stopping; the workers go on',
  );
  try {
    const { failed, sessions } = await sweep(
      { ...options, file },
      {
        signal: interruption.signal,
        onEvent(event) {
          switch (event.type) {
            case 'sessions': {
              const { sessions, done, devices } = event;
              const text = `${sessions} sessions, ${done} done before, ${sessions - done} to run on ${devices.join(', ')}`;
              if (!display.quiet) display.line(text);
              break;
            }
            case 'results': {
              display.end();
              const { groups, metric, varied } = event.document;
              if (json) process.stdout.write(`${JSON.stringify(event.document, null, 2)}\n`);
              else if (groups.length > 0) process.stdout.write(`${formatTable(groups, metric, varied).join('\n')}\n`);
              else if (!display.quiet) display.line('no session is done yet: there is no table');
              break;
            }
            default:
              display.show(event);
          }
        },
      },
    );
    if (failed.length > 0) {
      throw new FailedError(
        'SESSIONS_FAILED',
        `${failed.length} of ${sessions.length + failed.length} sessions failed: ${failed.map(({ run }) => run).join(', ')}`,
        'give the same command again: sessions that are done are not run again',
      );
    }
  } finally {
    display.end();
    interruption.dispose();
  }
}
