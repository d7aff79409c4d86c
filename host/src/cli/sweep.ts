/** `priot sweep`: the sessions of a sweep file on a pool of devices, and one table of their results. */
import type { Command } from 'commander';
import { deviceOption, integerIn, jsonOption, quietOption } from './options.js';

interface SweepOptions {
  device: string[];
  workers?: number;
  dataDir?: string;
  out?: string;
  csv?: string;
  json?: true;
  quiet?: true;
}

const MAX_WORKERS = 256;

export function register(program: Command): void {
  const device = deviceOption();
  device.description = 'emulator, simulator or a port; repeat it for several';
  program
    .command('sweep')
    .description('run the sessions of a sweep file on a pool of devices, resumably, and tabulate their results')
    .argument('<file>', 'sweep file: YAML (docs/sweeps.md)')
    .addOption(device.argParser((name: string, names: string[]) => [...names, name]).default([], 'simulator'))
    .option('--workers <n>', 'simulators (left out: one a processor core)', integerIn(1, MAX_WORKERS))
    .option('--data-dir <folder>', 'folder of data sets (left out: $PRIOT_DATA, the cache, then a download)')
    .option('--out <folder>', 'folder of the run folders (left out: runs/sweeps/<name of the sweep>)')
    .option('--csv <file>', 'write the table as comma-separated values, too')
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(sweep);
}

async function sweep(path: string, options: SweepOptions): Promise<void> {
  const { writeFileSync } = await import('node:fs');
  const { availableParallelism } = await import('node:os');
  const { join } = await import('node:path');
  const { FailedError } = await import('../errors.js');
  const { loadSweep } = await import('../sweep/sweep-file.js');
  const { formatCsv, formatTable, groupResults } = await import('../sweep/sweep-table.js');
  const { listenForInterruption } = await import('./interruption.js');
  const { planCells, runCells } = await import('./sweep-run.js');

  const definition = loadSweep(path);
  const folder = options.out ?? join('runs', 'sweeps', definition.name);
  const cells = planCells(definition, folder, options.dataDir);
  const named = options.device.length === 0 ? ['simulator'] : options.device;
  const workers = options.workers ?? availableParallelism();
  const devices = named.flatMap((name) => (name === 'simulator' ? new Array<string>(workers).fill(name) : [name]));
  const interruption = listenForInterruption('stopping; sessions under way are saved');
  try {
    const { results, failures } = await runCells(cells, devices, interruption.signal, options.quiet === true);
    const groups = groupResults(results, definition.metric);
    if (options.csv !== undefined) writeFileSync(options.csv, formatCsv(groups));
    const failed = failures.map(({ cell, message }) => ({ run: cell.path, parameters: cell.parameters, message }));
    const text = options.json
      ? JSON.stringify(
          {
            sweep: definition.name,
            metric: definition.metric,
            groups,
            sessions: results.map(({ cell, summary }) => ({
              label: cell.label,
              parameters: cell.parameters,
              ...summary,
            })),
            failed,
          },
          null,
          2,
        )
      : formatTable(groups, definition.metric).join('\n');
    process.stdout.write(`${text}\n`);
    interruption.signal.throwIfAborted();
    if (failed.length > 0) {
      throw new FailedError(
        'SESSIONS_FAILED',
        `${failed.length} of ${cells.length} sessions failed: ${failed.map(({ run }) => run).join(', ')}`,
        'give the same command again: sessions that are done are not run again',
      );
    }
  } finally {
    interruption.dispose();
  }
}
