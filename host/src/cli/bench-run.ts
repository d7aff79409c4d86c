/** A run of `priot bench`, from its options to its report. */
import { type ComparedFigure, checkComparable, compareReports, readReport } from '../bench/comparison.js';
import { measureFlashCost } from '../bench/flash-cost.js';
import { measure } from '../bench/measurement.js';
import { type BenchReport, type BenchResult, benchResult, kernelLabel, reportHead } from '../bench/report.js';
import { formatReport } from '../bench/report-tables.js';
import { formatTable, type TableStyle } from '../bench/table.js';
import { prepareMethod, sessionImages } from '../bench/workload.js';
import { loadDataset } from '../dataset/dataset.js';
import type { Place } from '../device/place.js';
import { FailedError, UsageError } from '../errors.js';
import type { Link } from '../link/link.js';
import { loadNetwork } from '../network/network-file.js';
import type { KernelName } from '../network/open-network.js';
import { openDevice } from '../sessions/open-device.js';
import type { MethodSetup } from '../training/method-request.js';
import { type BenchOptions, type KernelChoice, kernelName } from './bench.js';
import { showDevice } from './device-lines.js';
import { showDownloads } from './download-progress.js';
import { listenForInterruption } from './interruption.js';
import { resolveModel } from './package-files.js';
import { planText } from './plan-text.js';
import { Progress } from './progress.js';
import { checkImages } from './training-request.js';

/** Where nothing repeats exactly; in the emulator everything does. */
const WARM_UP_STEPS = 8;
const REPEATS = 3;

export async function benchCommand(options: BenchOptions): Promise<void> {
  const base = options.compare === undefined ? undefined : readReport(options.compare);
  const interruption = listenForInterruption('stopping');
  try {
    const report = await runBench(options, base, interruption.signal);
    const compared = base === undefined ? undefined : compareReports(base, report, options.tolerance);
    process.stdout.write(`${reportText(report, compared, options)}\n`);
    const regressed = compared?.filter((figure) => figure.regressed) ?? [];
    if (regressed.length > 0) {
      const [worst] = regressed.toSorted((a, b) => b.change - a.change);
      throw new FailedError(
        'BENCH_REGRESSION',
        `${regressed.length} of ${compared!.length} figures grew by more than ${options.tolerance * 100} %; most: ${worst!.figure} of ${worst!.method} with ${worst!.kernels}, ${percent(worst!.change)}`,
      );
    }
  } finally {
    interruption.dispose();
  }
}

async function runBench(
  options: BenchOptions,
  base: BenchReport | undefined,
  signal: AbortSignal,
): Promise<BenchReport> {
  const { network } = loadNetwork(resolveModel(options.model));
  const display = showDownloads();
  const dataset = await loadDataset(options.dataset, {
    dataDir: options.dataDir,
    signal,
    onProgress: display.update,
  }).finally(display.end);
  checkImages(network, dataset);
  const images = sessionImages(dataset, options.angle, Math.max(options.steps, options.warmUp ?? WARM_UP_STEPS));
  const connection = await openDevice(options, { signal, onEvent: showDevice });
  const { link } = connection;
  try {
    const emulated = link.place === 'emulated';
    const kernels = kernelsFor(options.kernels, link.place);
    const report = reportHead(link, {
      model: options.model,
      dataset: options.dataset,
      angle: options.angle,
      steps: options.steps,
      memoryLimitBytes: options.memory ?? null,
    });
    if (base !== undefined) checkComparable(base, report);
    for (const method of options.method) {
      const setup = await prepareMethod(method, network, dataset, options.angle, signal);
      for (const name of kernels) {
        const run = {
          ...options,
          warmUp: options.warmUp ?? (emulated ? 0 : WARM_UP_STEPS),
          repeats: options.repeats ?? (emulated ? 1 : REPEATS),
        };
        report.results.push(await benchRow(link, setup, images, name, run, signal));
      }
      checkSameState(report.results.filter((result) => result.method === method));
    }
    return report;
  } finally {
    await connection.close();
  }
}

async function benchRow(
  link: Link,
  setup: MethodSetup,
  images: ReturnType<typeof sessionImages>,
  kernels: KernelName,
  options: BenchOptions & { warmUp: number; repeats: number },
  signal: AbortSignal,
): Promise<BenchResult> {
  const { method } = setup.settings;
  const { place } = link;
  const quiet = options.quiet === true;
  const label = `${method} ${kernelLabel(kernels, place)}`;
  const progress = new Progress(label, options.warmUp + options.repeats * options.steps, quiet);
  let done = 0;
  try {
    const measurement = await measure(link, setup, images.slice(0, options.steps), {
      kernels,
      warmUpImages: images.slice(0, options.warmUp),
      repeats: options.repeats,
      memoryLimitBytes: options.memory,
      signal,
      onPlan: (plan) => {
        if (!quiet) process.stderr.write(`${label}: ${planText(plan)}\n`);
      },
      onStep: () => {
        done += 1;
        progress.update(done);
      },
    });
    progress.finish();
    const modelled = place === 'emulated' && options.xip;
    const flashCost = modelled
      ? await measureFlashCost(setup, images, kernels, options.memory, measurement.statistics.flashBytes, signal)
      : null;
    return benchResult(place, method, kernels, setup.network, measurement, flashCost);
  } finally {
    progress.finish();
  }
}

/** @throws UsageError KERNELS_NOT_HERE */
function kernelsFor(choices: readonly KernelChoice[], place: Place): KernelName[] {
  for (const choice of choices) {
    const elsewhere = choice === 'simd' ? place !== 'simulated' : choice === 'm0plus' && place === 'simulated';
    if (elsewhere) {
      throw new UsageError('KERNELS_NOT_HERE', `--kernels ${choice}: not ${place}`, 'choose fastest, plain or dense');
    }
  }
  return [...new Set(choices.map(kernelName))];
}

/** Whatever the kernels, the integers are the same. */
function checkSameState(results: readonly BenchResult[]): void {
  const [first, ...others] = results;
  const different = others.find(({ stateDigest }) => stateDigest !== first!.stateDigest);
  if (different === undefined) return;
  throw new FailedError(
    'KERNELS_DISAGREE',
    `${different.method}: the learned state of ${different.kernels} differs from that of ${first!.kernels} after ${first!.steps} steps`,
    'find the first difference with: priot verify',
  );
}

function reportText(report: BenchReport, compared: ComparedFigure[] | undefined, options: BenchOptions): string {
  if (options.json) return JSON.stringify({ ...report, ...(compared && { comparison: compared }) }, null, 2);
  const style: TableStyle = options.markdown ? 'markdown' : 'text';
  return [...formatReport(report, style), ...(compared ? comparisonLines(compared, style) : [])].join('\n');
}

function comparisonLines(compared: readonly ComparedFigure[], style: TableStyle): string[] {
  const rows = compared.map(({ method, kernels, figure, base, now, change, regressed }) => [
    ...[method, kernels, figure, base, now],
    percent(change),
    regressed ? 'grew' : '',
  ]);
  const heading = style === 'markdown' ? ['', '### Beside the base', ''] : ['', 'Beside the base'];
  return [...heading, ...formatTable(['method', 'kernels', 'figure', 'base', 'now', 'change', ''], rows, style)];
}

function percent(change: number): string {
  return `${change > 0 ? '+' : ''}${(change * 100).toFixed(2)} %`;
}
