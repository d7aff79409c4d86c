/** Writes runs as one page that can be sent, printed and opened without a network. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { replaceFile, storageError } from '../files.js';
import { amount, complaintError, listOf, shape, text } from '../json-shape.js';
import { complete } from '../options/option.js';
import { type ReportOptions, reportOptions } from '../options/show.js';
import type { YardstickEntry } from '../report/figures/layers.js';
import { makeReport } from '../report/report.js';
import { type ReportRun, readReportRun } from '../report/report-run.js';
import { runFiles } from '../runs/run-folder.js';
import { listRuns } from '../runs/run-record.js';
import type { Context } from './events.js';
import { packageDescription } from './package-files.js';

/** What `priot report --json` prints. */
export interface ReportDocument {
  /** The page. */
  readonly out: string;
  readonly bytes: number;
  readonly runs: readonly string[];
  /** What is wrong with files of the runs: the page says it, too. */
  readonly problems: readonly string[];
}

const MAX_RUNS = 200;

/**
 * Reads runs and writes their report.
 * @throws DataError NOT_A_RUN, RUN_MALFORMED, RUN_VERSION, BENCH_MALFORMED, FILE_MISSING; CapacityError DISK_FULL
 */
export async function report(options: ReportOptions, { onEvent }: Context = {}): Promise<ReportDocument> {
  const { runs: named, out, title, bench } = complete('report', reportOptions, options);
  const paths = named.flatMap(runsIn);
  if (paths.length > MAX_RUNS) {
    onEvent?.({ type: 'notice', text: `${paths.length} runs: the page has the first ${MAX_RUNS}` });
  }
  const runs: ReportRun[] = [];
  for (const path of paths.slice(0, MAX_RUNS)) {
    runs.push(readReportRun(path, uniqueName(path, paths)));
    onEvent?.({ type: 'progress', what: 'reading runs', done: runs.length, of: Math.min(paths.length, MAX_RUNS) });
  }
  const page = await makeReport(runs, {
    title: title ?? (runs.length === 1 ? `priot: ${runs[0]!.name}` : `priot: ${runs.length} runs`),
    madeBy: `Made by priot ${packageDescription().version}.`,
    yardstick: bench === undefined ? [] : readYardstick(bench),
  });
  const bytes = Buffer.from(page);
  replaceFile(out, [bytes], 'make room, or choose another place with --out');
  const problems = runs.flatMap((run) => run.problems.map((problem) => `${run.path}: ${problem}`));
  return { out, bytes: bytes.length, runs: runs.map(({ path }) => path), problems };
}

/** The run itself, or the runs below a folder. */
function runsIn(path: string): string[] {
  if (existsSync(join(path, runFiles.manifest)) || !existsSync(path)) return [path];
  const below = listRuns(path).map((run) => run.path);
  return below.length > 0 ? below : [path];
}

/** The folder's name, or the whole path where another run has the same. */
function uniqueName(path: string, all: readonly string[]): string {
  const name = basename(resolve(path));
  return all.filter((other) => basename(resolve(other)) === name).length > 1 ? path : name;
}

interface BenchResult {
  kernels: string;
  layers: { name: string; phase: string; cycles: number }[];
}

const checkBench = shape<{ results: BenchResult[] }>({
  results: listOf(
    shape<BenchResult>({
      kernels: text,
      layers: listOf(shape<BenchResult['layers'][number]>({ name: text, phase: text, cycles: amount })),
    }),
  ),
});

function readYardstick(path: string): YardstickEntry[] {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw storageError(cause, path);
    throw new DataError('BENCH_MALFORMED', `${path} is not JSON`, 'make it with `priot bench --json`', { cause });
  }
  const complaints = checkBench(document, '');
  if (complaints.length > 0) {
    throw complaintError('BENCH_MALFORMED', path, complaints, 'make it with `priot bench --json`');
  }
  const { results } = document as { results: BenchResult[] };
  const plain = results.find(({ kernels }) => kernels === 'plain');
  if (plain === undefined) {
    throw new DataError(
      'BENCH_MALFORMED',
      `${path} has no result of plain kernels`,
      'make it with `priot bench --kernels fastest,plain --json`',
    );
  }
  return plain.layers.map(({ name, phase, cycles }) => ({ layer: name, phase, cycles }));
}
