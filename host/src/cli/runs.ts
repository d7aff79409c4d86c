/** `priot runs`: list, show, compare and export what runs left behind. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { HistogramBin } from '../report/step-series.js';
import { printLines, printPieces, standardOutput } from './terminal.js';

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
    .option(
      '--events <type>',
      'step or epoch: the events; epochs: a table of epochs with training accuracy and cycles',
      'epoch',
    )
    .option('--out <file>', 'file to write (replaced when there is one); - is standard output', '-')
    .action(exportCsv);

  exports
    .command('tensorboard')
    .description('an event file for TensorBoard')
    .argument('<run>', 'run folder')
    .requiredOption('--out <dir>', 'folder for the event file, made when missing')
    .action(exportTensorboard);

  exports
    .command('dvclive')
    .description("DVCLive's folder, which DVC and its editor extensions read")
    .argument('<run>', 'run folder')
    .requiredOption('--out <dir>', 'folder to write; one of an earlier export is replaced')
    .action(exportDvclive);

  exports
    .command('mlflow')
    .description('send a run to an MLflow server, or the rest of one; user, password and token as MLflow has them')
    .argument('<run>', 'run folder')
    .option('--url <url>', 'http://host:port of the server (left out: $MLFLOW_TRACKING_URI)')
    .action(exportMlflow);
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
    printLines(formatRun(record, { cycles: await cycleHistogram(path), columns: standardOutput.columns }));
  }
}

/** How many steps of a run took how many cycles. */
async function cycleHistogram(path: string): Promise<HistogramBin[]> {
  const { AdaptiveHistogram } = await import('../report/step-series.js');
  const { runEvents } = await import('../runs/run-folder.js');
  const histogram = new AdaptiveHistogram(48);
  for (const event of runEvents(path)) if (event.type === 'step' && event.cycles !== null) histogram.add(event.cycles);
  return histogram.bins();
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
  const { csvEvents } = await import('../trackers/csv.js');
  const type = csvEvents.find((name) => name === options.events);
  if (type === undefined) {
    const { UsageError } = await import('../errors.js');
    throw new UsageError('UNKNOWN_EVENTS', `--events ${options.events}: not one of ${csvEvents.join(', ')}`);
  }
  const { csvOfRun } = await import('../sessions/export-run.js');
  const lines = csvOfRun(path, type);
  if (options.out === '-') return printPieces(lines);
  const { replaceFile } = await import('../files.js');
  const { batches } = await import('../runs/batches.js');
  replaceFile(options.out, batches(lines), 'make room, or choose another disk with --out');
}

async function exportTensorboard(path: string, options: { out: string }): Promise<void> {
  const { exportTensorboard } = await import('../sessions/export-run.js');
  printLines([exportTensorboard(path, options.out)]);
}

async function exportDvclive(path: string, options: { out: string }): Promise<void> {
  const { exportDvclive } = await import('../sessions/export-run.js');
  await exportDvclive(path, options.out);
  printLines([options.out]);
}

async function exportMlflow(path: string, options: { url?: string }): Promise<void> {
  const { exportMlflow } = await import('../sessions/export-run.js');
  const { address } = await exportMlflow(path, options.url, process.env);
  printLines([`${path} is on ${new URL(address).host}`]);
}

function printJson(document: unknown): Promise<void> {
  return printPieces([`${JSON.stringify(document, null, 2)}\n`]);
}
