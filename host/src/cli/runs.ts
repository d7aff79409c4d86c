/** `priot runs`: list, show, compare and export what runs left behind. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { printLines, printPieces } from './terminal.js';

/** Where `priot train` puts runs unless told otherwise. */
const defaultFolder = 'runs';

interface JsonOption {
  json?: true;
}

export function register(program: Command): void {
  const runs = program.command('runs').description('list, show, compare and export runs');

  runs
    .command('list')
    .description('the runs in a folder and in the folders below it, oldest first')
    .argument('[dir]', 'folder that holds run folders', defaultFolder)
    .option('--json', 'print one JSON document')
    .action(list);

  runs
    .command('show')
    .description('what was asked of a run, on what it ran, and its result')
    .argument('<run>', 'run folder')
    .option('--json', 'print one JSON document')
    .action(show);

  runs
    .command('compare')
    .description('runs side by side: which settings differ, accuracy, cycles, whether the learned states are equal')
    .argument('<runs...>', 'two or more run folders')
    .option('--json', 'print one JSON document')
    .action(compare);

  const exports = runs.command('export').description('events in formats of other tools');

  exports
    .command('csv')
    .description('one line per event, with a header line')
    .argument('<run>', 'run folder')
    .option('--events <type>', 'step or epoch', 'epoch')
    .option('--out <file>', 'file to write (replaced when there is one); - is standard output', '-')
    .action(exportCsv);

  exports
    .command('tensorboard')
    .description('an event file for TensorBoard')
    .argument('<run>', 'run folder')
    .requiredOption('--out <dir>', 'folder for the event file, made when missing')
    .action(exportTensorboard);
}

async function list(folder: string, options: JsonOption): Promise<void> {
  const { listRuns } = await import('../runs/run-record.js');
  const isDefaultAndMissing = folder === defaultFolder && !existsSync(folder);
  const runs = isDefaultAndMissing ? [] : listRuns(folder);
  if (options.json) {
    const entries = runs.map((run) => {
      if ('error' in run) return { run: run.path, error: run.error };
      const { createdAt, place, asked } = run.manifest;
      return { run: run.path, createdAt, place, asked, ...run.result };
    });
    await printJson({ runs: entries });
  } else if (runs.length === 0) {
    await printPieces([`no runs in ${folder}; \`priot train\` makes one\n`]);
  } else {
    const { formatList } = await import('./text/runs.js');
    printLines(formatList(runs));
  }
}

async function show(path: string, options: JsonOption): Promise<void> {
  const { readRun } = await import('../runs/run-record.js');
  const record = readRun(path);
  if (options.json) {
    await printJson({ run: path, ...record.manifest, metrics: record.metrics });
  } else {
    const { formatRun } = await import('./text/runs.js');
    printLines(formatRun(record));
  }
}

async function compare(paths: string[], options: JsonOption): Promise<void> {
  const { UsageError } = await import('../errors.js');
  if (paths.length < 2)
    throw new UsageError('TOO_FEW_RUNS', 'compare needs two or more runs', 'name another run folder');
  const { readRun } = await import('../runs/run-record.js');
  const { compareRuns } = await import('../runs/comparison.js');
  const comparison = compareRuns(paths.map(readRun));
  if (options.json) {
    await printJson(comparison);
  } else {
    const { formatComparison } = await import('./text/runs.js');
    printLines(formatComparison(comparison));
  }
}

async function exportCsv(path: string, options: { events: string; out: string }): Promise<void> {
  const { csvEvents, csvLines } = await import('../trackers/csv.js');
  const type = csvEvents.find((name) => name === options.events);
  if (type === undefined) {
    const { UsageError } = await import('../errors.js');
    throw new UsageError('UNKNOWN_EVENTS', `--events ${options.events}: not one of ${csvEvents.join(', ')}`);
  }
  const { readManifest, runEvents } = await import('../runs/run-folder.js');
  readManifest(path);
  const lines = csvLines(runEvents(path), type);
  if (options.out === '-') return printPieces(lines);
  const { replaceFile } = await import('../files.js');
  const { batches } = await import('../runs/batches.js');
  replaceFile(options.out, batches(lines), 'make room, or choose another disk with --out');
}

async function exportTensorboard(path: string, options: { out: string }): Promise<void> {
  const { basename, join, resolve } = await import('node:path');
  const { readManifest, runEvents } = await import('../runs/run-folder.js');
  const { makeFolder, replaceFile } = await import('../files.js');
  const { batches } = await import('../runs/batches.js');
  const { tensorboardFileName, tensorboardRecords } = await import('../trackers/tensorboard.js');
  const { createdAt } = readManifest(path);
  const remedy = 'make room, or choose another disk with --out';
  makeFolder(options.out, remedy);
  const file = join(options.out, tensorboardFileName(basename(resolve(path)), createdAt));
  replaceFile(file, batches(tensorboardRecords(runEvents(path), createdAt)), remedy);
  await printPieces([`${file}\n`]);
}

function printJson(document: unknown): Promise<void> {
  return printPieces([`${JSON.stringify(document, null, 2)}\n`]);
}
