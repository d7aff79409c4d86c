/** The result of `priot bench`: what `--json` prints. Keys are a contract; more may come. */

import type { Place } from '../device/place.js';
import type { Link } from '../link/link.js';
import { type ArenaAccount, arenaOf } from '../link/memory-account.js';
import type { StepResult } from '../link/messages.js';
import type { MethodName, Network } from '../network/network.js';
import type { KernelName } from '../network/open-network.js';
import { type Distribution, distribution, mean } from '../statistics.js';
import type { AppliedCalibration, CalibratedCycles } from './calibration.js';
import type { FlashCost } from './flash-cost.js';
import type { Measurement } from './measurement.js';
import { type PhaseName, phaseMacs, phaseNames } from './multiply-accumulates.js';

/** What was run. Reports with another workload are not comparable. */
export interface BenchWorkload {
  model: string;
  dataset: string;
  angle: number;
  steps: number;
  /** The most bytes of the device's arena to plan with; null: all of it. */
  memoryLimitBytes: number | null;
}

/** Cycles of one phase of a layer: mean over the steps that ran it (error and update: the active ones). */
export interface LayerPhase {
  name: string;
  phase: PhaseName;
  cycles: number;
  /** Multiply-accumulates of a kernel that skips nothing. */
  macs: number;
  /** null: the phase has no multiply-accumulates. */
  cyclesPerMac: number | null;
}

/** Bytes. */
export interface BenchMemory {
  /** static + the arena's plan + stackHighWater. */
  sramTotal: number;
  static: number;
  stackHighWater: number;
  arena: ArenaAccount;
  /** Firmware image and frozen weights. */
  flash: number;
  /** The planner's choices. */
  weightsInFlash: boolean;
  effectiveWeightsKept: boolean;
  /** false with `fastest` asked for: the memory they need is not there, and the plain ones stand in. */
  fastKernels: boolean;
}

/** What one method with one set of kernels costs. Cycles are null where there is no cycle counter. */
export interface BenchResult {
  method: MethodName;
  /** `m0plus`, `simd`: what `fastest` is on the device. */
  kernels: string;
  steps: number;
  /** Steps that ran the backward pass. */
  activeSteps: number;
  repeats: number;
  /** Compute alone, as are all but wireCycles and idleCycles. */
  cyclesPerStep: Distribution | null;
  /** null, too, when no step was active. */
  cyclesPerActiveStep: Distribution | null;
  /** How far the means of the repeats lie apart: (largest - smallest) / smallest. */
  repeatSpread: number | null;
  /** Means over all steps; forward, loss, backward and update add up to the mean of cyclesPerStep. */
  forwardCycles: number | null;
  lossCycles: number | null;
  backwardCycles: number | null;
  updateCycles: number | null;
  wireCycles: number | null;
  idleCycles: number | null;
  /** The share of all cycles that were idle, 0..1. */
  idleShare: number | null;
  layers: LayerPhase[];
  memory: BenchMemory;
  /** Steps per second of the host's clock. */
  stepsPerSecond: number;
  /** SHA-256 of the learned state: equal for all kernels of a method. */
  stateDigest: string;
  /** Emulated only: what the cycle model leaves out. */
  flashCost: FlashCost | null;
  /** Only with a calibration: what cyclesPerStep.mean is estimated to be on its board. */
  calibratedCyclesPerStep?: CalibratedCycles;
}

export interface BenchReport {
  place: Place;
  /** null: no cycle counter. */
  clockHz: number | null;
  firmware: { commit: string; compiler: string; flags: string };
  workload: BenchWorkload;
  /** Only where one was applied. */
  calibration?: AppliedCalibration;
  results: BenchResult[];
}

export function reportHead(link: Link, workload: BenchWorkload): BenchReport {
  const { clockHz, firmwareCommit: commit, firmwareCompiler: compiler, firmwareFlags: flags } = link.hello;
  return {
    place: link.place,
    clockHz: clockHz > 0 ? clockHz : null,
    firmware: { commit, compiler, flags },
    workload,
    results: [],
  };
}

/** Kernels as reports call them. */
export function kernelLabel(kernels: KernelName, place: Place): string {
  if (kernels !== 'fastest') return kernels;
  return place === 'simulated' ? 'simd' : 'm0plus';
}

export function benchResult(
  place: Place,
  method: MethodName,
  kernels: KernelName,
  network: Network,
  measurement: Measurement,
  flashCost: FlashCost | null,
): BenchResult {
  const { repeats, wallSeconds } = measurement;
  const steps = repeats.flat();
  const counted = place !== 'simulated';
  const active = steps.filter((step) => !step.lossZero);
  const ofPhases = (...phases: PhaseName[]) => (counted ? mean(steps.map((step) => phaseSum(step, phases))) : null);
  const ofSteps = (cycles: (step: StepResult) => number) => (counted ? mean(steps.map(cycles)) : null);
  const repeatMeans = repeats.map((repeat) => mean(repeat.map((step) => step.cycles)));
  const idleCycles = ofSteps((step) => step.idleCycles);
  const allCycles = ofSteps((step) => step.cycles + step.wireCycles + step.idleCycles);
  return {
    method,
    kernels: kernelLabel(kernels, place),
    steps: repeats[0]!.length,
    activeSteps: repeats[0]!.filter((step) => !step.lossZero).length,
    repeats: repeats.length,
    cyclesPerStep: counted ? distribution(steps.map((step) => step.cycles)) : null,
    cyclesPerActiveStep: counted && active.length > 0 ? distribution(active.map((step) => step.cycles)) : null,
    repeatSpread: counted ? Math.max(...repeatMeans) / Math.min(...repeatMeans) - 1 : null,
    forwardCycles: ofPhases('forward', 'requantise'),
    lossCycles: ofPhases('loss'),
    backwardCycles: ofPhases('error'),
    updateCycles: ofPhases('update'),
    wireCycles: ofSteps((step) => step.wireCycles),
    idleCycles,
    idleShare: idleCycles === null || allCycles === null ? null : idleCycles / allCycles,
    layers: counted ? layerPhases(network, steps, active) : [],
    memory: memoryOf(measurement),
    stepsPerSecond: steps.length / wallSeconds,
    stateDigest: measurement.stateDigest,
    flashCost,
  };
}

function phaseSum(step: StepResult, phases: readonly PhaseName[]): number {
  return step.phaseCycles.reduce(
    (sum, cycles, index) => (phases.includes(phaseNames[index % phaseNames.length]!) ? sum + cycles : sum),
    0,
  );
}

function layerPhases(network: Network, steps: readonly StepResult[], active: readonly StepResult[]): LayerPhase[] {
  return network.layers.flatMap((layer, layerIndex) =>
    phaseNames.flatMap((phase, phaseIndex) => {
      const ran = phase === 'error' || phase === 'update' ? active : steps;
      const at = layerIndex * phaseNames.length + phaseIndex;
      const cycles = mean(ran.map((step) => step.phaseCycles[at] ?? 0));
      if (cycles === 0) return [];
      const macs = phaseMacs(network, layerIndex, phase);
      return [{ name: layer.name, phase, cycles, macs, cyclesPerMac: macs === 0 ? null : cycles / macs }];
    }),
  );
}

function memoryOf({ plan, statistics }: Measurement): BenchMemory {
  const { staticBytes, stackHighWaterBytes } = statistics;
  return {
    sramTotal: staticBytes + plan.requiredBytes + stackHighWaterBytes,
    static: staticBytes,
    stackHighWater: stackHighWaterBytes,
    arena: arenaOf(plan),
    flash: statistics.flashBytes + plan.flashBytes,
    weightsInFlash: plan.weightsInFlash,
    effectiveWeightsKept: plan.effectiveWeightsKept,
    fastKernels: plan.fastKernels,
  };
}
