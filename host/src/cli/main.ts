#!/usr/bin/env node
/** `priot`: the command line. Each command is a file of this folder; what it needs is imported when it runs. */
import { Command, CommanderError } from 'commander';
import { type ErrorCode, type ErrorDocument, errorDocument, PriotError } from '../errors.js';
import { packageDescription } from '../sessions/package-files.js';
import { register as registerBench } from './bench.js';
import { register as registerCalibrate } from './calibrate.js';
import { register as registerData } from './data.js';
import { register as registerDevices } from './devices.js';
import { register as registerDoctor } from './doctor.js';
import { register as registerEval } from './eval.js';
import { ExitStatus, exitStatusOf } from './exit-status.js';
import { register as registerExport } from './export.js';
import { register as registerFlash } from './flash.js';
import { register as registerFleet } from './fleet.js';
import { register as registerImport } from './import.js';
import { register as registerMonitor } from './monitor.js';
import { register as registerPlan } from './plan.js';
import { register as registerPretrain } from './pretrain.js';
import { register as registerReport } from './report.js';
import { register as registerRuns } from './runs.js';
import { register as registerSelfTest } from './selftest.js';
import { register as registerSweep } from './sweep.js';
import { flushOutput, guardStreams, oneLine, standardError, wrapped } from './terminal.js';
import { register as registerTrain } from './train.js';
import { register as registerUi } from './ui.js';
import { register as registerVerify } from './verify.js';
import { register as registerWorker } from './worker.js';

/** The commands in the order of the help. */
const commands = [
  registerDevices,
  registerData,
  registerImport,
  registerPlan,
  registerPretrain,
  registerCalibrate,
  registerTrain,
  registerSweep,
  registerWorker,
  registerFleet,
  registerEval,
  registerBench,
  registerVerify,
  registerSelfTest,
  registerRuns,
  registerReport,
  registerUi,
  registerExport,
  registerMonitor,
  registerFlash,
  registerDoctor,
];

const description = `Trains a neural network on a Raspberry Pi Pico, in integers only, by learning which edges to prune (PRIOT: Pruning-based Integer-Only Transfer learning, arXiv 2503.16860).`;
const exitStatuses = `
Exit status: 0 done; 1 failed; 2 wrong usage; 3 device lost, busy, absent or of another version;
4 bad data or file; 5 does not fit (memory, overflow, disk); 130 interrupted, resumable.`;

async function main(): Promise<ExitStatus> {
  const program = new Command('priot')
    .description(description)
    .version(packageDescription().version)
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', exitStatuses)
    .exitOverride();
  for (const register of commands) register(program);
  let status: ExitStatus = ExitStatus.done;
  try {
    await program.parseAsync();
  } catch (error) {
    status = reportError(error);
  }
  try {
    await flushOutput();
  } catch (error) {
    const unwritten = reportError(error);
    if (status === ExitStatus.done) status = unwritten;
  }
  return status;
}

/** Errors that a command ends with once it has printed its own document, which stays the only one. */
const afterDocument: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['SESSIONS_FAILED', 'BENCH_REGRESSION']);

function reportError(error: unknown): ExitStatus {
  // Commander has printed its message, and ends --help and --version this way too.
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ExitStatus.done;
    printDocument({ error: { ...refusal, message: error.message.replace(/^error: /, '') } });
    return ExitStatus.usage;
  }
  if (!(error instanceof PriotError && afterDocument.has(error.code))) printDocument(errorDocument(error));
  if (!(error instanceof PriotError)) {
    process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return exitStatusOf(error);
  }
  const lines = [`error: ${oneLine(error.headline)}`, ...error.details.map((detail) => `  ${oneLine(detail)}`)];
  if (error.cause instanceof Error && !error.message.includes(error.cause.message)) {
    lines.push(`  cause: ${oneLine(error.cause.message)}`);
  }
  for (const line of lines) standardError.write(`${wrapped(line, standardError.columns)}\n`);
  if (error.remedy !== undefined) {
    const line = `  try: ${oneLine(error.remedy)}`;
    // a command is to be copied: a line feed within it would be, too
    const isCommand = /^(priot|sudo) /.test(error.remedy);
    standardError.write(`${isCommand ? line : wrapped(line, standardError.columns)}\n`);
  }
  return exitStatusOf(error);
}

const refusal = { code: 'OPTION_REFUSED', remedy: 'add --help for the options', cause: null } as const;

/** Prints what an error says on stdout, where `--json` asked for a document there. */
function printDocument(document: ErrorDocument): void {
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

guardStreams();
const status = await main();
if (status !== ExitStatus.done) process.exitCode = status;
