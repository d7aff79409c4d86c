/** Measures cycles and bytes of a training step on a device, by method and kernels. */

import { type AppliedCalibration, calibratedCycles, readCalibration } from '../bench/calibration.js';
import { type ComparedFigure, checkComparable, compareReports, readReport } from '../bench/comparison.js';
import { measureFlashCost } from '../bench/flash-cost.js';
import { measure } from '../bench/measurement.js';
import { type BenchReport, type BenchResult, benchResult, kernelLabel, reportHead } from '../bench/report.js';
import { type LabelledImage, prepareMethod, sessionImages } from '../bench/workload.js';
import { requireDeviceName } from '../device/open.js';
import type { Place } from '../device/place.js';
import { FailedError, UsageError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { MemoryPlan } from '../link/messages.js';
import { loadNetwork } from '../network/network-file.js';
import type { KernelName } from '../network/open-network.js';
import { type BenchOptions, benchOptions, type CompleteBenchOptions, type KernelChoice } from '../options/measure.js';
import { complete } from '../options/option.js';
import { checkImages } from '../training/images.js';
import type { MethodSetup } from '../training/method-request.js';
import type { CommonEvent, Context } from './events.js';
import { loadSessionDataset } from './load-dataset.js';
import { openDevice } from './open-device.js';
import { resolveModel } from './package-files.js';

/** Where nothing repeats exactly; in the emulator everything does. */
const WARM_UP_STEPS = 8;
const REPEATS = 3;

/** What `priot bench --json` prints. */
export interface BenchDocument extends BenchReport {
  /** Beside the report of `compare`. */
  readonly comparison?: readonly ComparedFigure[];
}

/** The device has planned the memory of what is measured next. */
export interface BenchPlanEvent {
  readonly type: 'bench-plan';
  /** Method and kernels. */
  readonly what: string;
  readonly memory: MemoryPlan;
}

export type BenchEvent = CommonEvent | BenchPlanEvent;

/** What is measured of each method with each set of kernels. */
interface Measured {
  readonly images: readonly LabelledImage[];
  readonly steps: number;
  readonly warmUp: number;
  readonly repeats: number;
  readonly memory: number | undefined;
  readonly cores: number | undefined;
  readonly xip: boolean;
}

/**
 * Measures the steps of each method with each set of kernels, and holds them beside an earlier report.
 * @throws UsageError of the options, KERNELS_NOT_HERE, NOT_COMPARABLE, CALIBRATION_NOT_HERE; DataError of network, data,
 *   report and calibration; FailedError KERNELS_DISAGREE; DeviceError; the signal's reason
 */
export async function bench(options: BenchOptions = {}, context: Context<BenchEvent> = {}): Promise<BenchDocument> {
  const given = complete('bench', benchOptions, options);
  const base = given.compare === undefined ? undefined : readReport(given.compare);
  const calibration = given.calibration === undefined ? undefined : readCalibration(given.calibration);
  const measured = await measureAll(given, base, calibration, context);
  const report = calibration === undefined ? measured : withCalibration(measured, calibration);
  return base === undefined ? report : { ...report, comparison: compareReports(base, report, given.tolerance) };
}

function withCalibration({ results, ...head }: BenchReport, calibration: AppliedCalibration): BenchReport {
  const estimated = results.map((result) => {
    if (result.cyclesPerStep === null) return result;
    const weightMisses = result.flashCost?.weightMisses ?? 0;
    return {
      ...result,
      calibratedCyclesPerStep: calibratedCycles(result.cyclesPerStep.mean, weightMisses, calibration),
    };
  });
  return { ...head, calibration, results: estimated };
}

/** @throws UsageError CALIBRATION_NOT_HERE */
function checkCalibrates(place: Place): void {
  if (place === 'emulated') return;
  throw new UsageError(
    'CALIBRATION_NOT_HERE',
    `--calibration corrects the cycles of the emulator, and this device is ${place}`,
    'leave it out, or measure with --device emulator',
  );
}

async function measureAll(
  options: CompleteBenchOptions,
  base: BenchReport | undefined,
  calibration: AppliedCalibration | undefined,
  context: Context<BenchEvent>,
): Promise<BenchReport> {
  const { model, dataset: name, angle, steps, memory, cores, xip } = options;
  await requireDeviceName(options.device);
  const { network } = loadNetwork(resolveModel(model));
  const dataset = await loadSessionDataset(options, context);
  checkImages(network, dataset);
  const images = sessionImages(dataset, angle, Math.max(steps, options.warmUp ?? WARM_UP_STEPS));
  const connection = await openDevice({ device: options.device, bootRom: options.bootRom }, context);
  const { link } = connection;
  try {
    const emulated = link.place === 'emulated';
    const kernels = kernelsFor(options.kernels, link.place);
    const report = reportHead(link, { model, dataset: name, angle, steps, memoryLimitBytes: memory ?? null });
    if (base !== undefined) checkComparable(base, report);
    if (calibration !== undefined) checkCalibrates(link.place);
    const { warmUp = emulated ? 0 : WARM_UP_STEPS, repeats = emulated ? 1 : REPEATS } = options;
    const measured = { images, steps, warmUp, repeats, memory, cores, xip };
    for (const method of options.method) {
      const setup = await prepareMethod(method, network, dataset, angle, context.signal);
      for (const kernel of kernels) report.results.push(await measureOne(link, setup, kernel, measured, context));
      checkSameState(report.results.filter((result) => result.method === method));
    }
    return report;
  } finally {
    await connection.close();
  }
}

async function measureOne(
  link: Link,
  setup: MethodSetup,
  kernels: KernelName,
  { images, steps, warmUp, repeats, memory, cores, xip }: Measured,
  { signal, onEvent }: Context<BenchEvent>,
): Promise<BenchResult> {
  const { method } = setup.settings;
  const { place } = link;
  const what = `${method} ${kernelLabel(kernels, place)}`;
  let done = 0;
  const measurement = await measure(link, setup, images.slice(0, steps), {
    kernels,
    warmUpImages: images.slice(0, warmUp),
    repeats,
    memoryLimitBytes: memory,
    cores,
    signal,
    onPlan: (plan) => onEvent?.({ type: 'bench-plan', what, memory: plan }),
    onStep: () => {
      done += 1;
      onEvent?.({ type: 'progress', what, done, of: warmUp + repeats * steps });
    },
  });
  const flashCost =
    place === 'emulated' && xip
      ? await measureFlashCost(setup, images, kernels, memory, measurement.statistics.flashBytes, signal)
      : null;
  return benchResult(place, method, kernels, setup.network, measurement, flashCost);
}

/** `m0plus` and `simd` are `fastest` on the device that has them. */
function kernelName(choice: KernelChoice): KernelName {
  return choice === 'm0plus' || choice === 'simd' ? 'fastest' : choice;
}

/**
 * Chooses the kernels for a place.
 * @throws UsageError KERNELS_NOT_HERE
 */
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
