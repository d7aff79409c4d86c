/** A bench report as tables. */
import type { AppliedCalibration } from '../../bench/calibration.js';
import { phaseNames } from '../../bench/multiply-accumulates.js';
import { REFERENCE_MACS, referenceFigures } from '../../bench/reference-figures.js';
import type { BenchReport, BenchResult, LayerPhase } from '../../bench/report.js';
import { type Cell, formatTable, type TableStyle } from '../../table.js';

/** Sections with a heading each; empty ones are left out. */
export function formatReport(report: BenchReport, style: TableStyle): string[] {
  const { results } = report;
  const sections: [heading: string, lines: string[]][] = [
    [report.place === 'simulated' ? 'Steps' : 'Cycles per step', stepTable(report, style)],
    ['Where they go, mean of all steps', phaseTable(results, style)],
    ['Cycles by layer and phase, mean of the steps that run it', layerTable(results, style)],
    ['Memory, bytes', memoryTable(results, style)],
    ['Flash reads on silicon, an estimate that is in no other figure', flashTable(results, style)],
    ['Calibrated, an estimate of the mean step on that board', calibratedTable(results, style)],
    ['In proportion', listOf(ratioLines(results), style)],
    ['Read with care', listOf(cautions(report), style)],
  ];
  const title = style === 'markdown' ? '### ' : '';
  const body = sections
    .filter(([, lines]) => lines.length > 0)
    .flatMap(([heading, lines]) => ['', `${title}${heading}`, ...(style === 'markdown' ? [''] : []), ...lines]);
  return [...headLines(report, style), ...body];
}

function headLines({ place, clockHz, firmware, workload, calibration }: BenchReport, style: TableStyle): string[] {
  const clock = clockHz === null ? 'no cycle counter' : `${clockHz / 1e6} MHz`;
  const { model, dataset, angle, steps, memoryLimitBytes } = workload;
  const limit = memoryLimitBytes === null ? '' : `, arena limited to ${memoryLimitBytes} bytes`;
  const lines = [
    `place     ${place}, ${clock}`,
    `firmware  ${firmware.commit}, ${firmware.compiler}, ${firmware.flags}`,
    ...(calibration === undefined ? [] : [calibrationLine(calibration)]),
    `workload  ${model}, ${dataset} at ${angle} degrees, ${steps} steps from the initial state, seed 0${limit}`,
  ];
  return style === 'text' ? lines : lines.map((line) => `- ${line.replace(/ {2,}/, ': ')}`);
}

function counted(results: readonly BenchResult[]): BenchResult[] {
  return results.filter(({ cyclesPerStep }) => cyclesPerStep !== null);
}

function listOf(lines: readonly string[], style: TableStyle): string[] {
  return lines.map((line) => (style === 'markdown' ? `- ${line}` : line));
}

function stepTable({ place, results }: BenchReport, style: TableStyle): string[] {
  const columns: [head: string, cell: (result: BenchResult) => Cell][] = [
    ['method', ({ method }) => method],
    ['kernels', ({ kernels }) => kernels],
    ['steps', ({ steps }) => steps],
    ['active', ({ activeSteps }) => activeSteps],
  ];
  if (place !== 'simulated') {
    columns.push(
      ['mean', ({ cyclesPerStep }) => cyclesPerStep?.mean ?? null],
      ['median', ({ cyclesPerStep }) => cyclesPerStep?.median ?? null],
      ['min', ({ cyclesPerStep }) => cyclesPerStep?.min ?? null],
      ['max', ({ cyclesPerStep }) => cyclesPerStep?.max ?? null],
      ['active mean', ({ cyclesPerActiveStep }) => cyclesPerActiveStep?.mean ?? null],
      ['active median', ({ cyclesPerActiveStep }) => cyclesPerActiveStep?.median ?? null],
    );
  }
  // the host's speed says nothing about an emulated Pico
  if (place !== 'emulated') columns.push(['steps/s', ({ stepsPerSecond }) => stepsPerSecond.toFixed(1)]);
  if (results.some(({ repeats }) => repeats > 1)) {
    columns.push(['repeats', ({ repeats }) => repeats]);
    columns.push(['spread', ({ repeatSpread }) => (repeatSpread === null ? null : percent(repeatSpread))]);
  }
  return formatTable(
    columns.map(([head]) => head),
    results.map((result) => columns.map(([, cell]) => cell(result))),
    style,
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function phaseTable(results: readonly BenchResult[], style: TableStyle): string[] {
  const rows = counted(results).map((result) => [
    ...[result.method, result.kernels],
    ...[result.forwardCycles, result.lossCycles, result.backwardCycles, result.updateCycles],
    ...[result.wireCycles, result.idleCycles],
    percent(result.idleShare ?? 0),
  ]);
  if (rows.length === 0) return [];
  const head = ['method', 'kernels', 'forward', 'loss', 'backward', 'update', 'wire', 'waiting', 'waiting share'];
  return formatTable(head, rows, style);
}

function layerTable(results: readonly BenchResult[], style: TableStyle): string[] {
  const shown = counted(results);
  if (shown.length === 0) return [];
  const names = [...new Set(shown.flatMap(({ layers }) => layers.map(({ name }) => name)))];
  const cell = (found: LayerPhase | undefined) => {
    if (found === undefined) return '';
    const cycles = Math.round(found.cycles).toLocaleString('en-US');
    return found.cyclesPerMac === null ? cycles : `${cycles} (${found.cyclesPerMac.toFixed(2)}/MAC)`;
  };
  const rows = shown.flatMap(({ method, kernels, layers }) =>
    names.map((layer) => [
      ...[method, kernels, layer],
      ...phaseNames.map((phase) => cell(layers.find((entry) => entry.name === layer && entry.phase === phase))),
    ]),
  );
  return formatTable(['method', 'kernels', 'layer', ...phaseNames], rows, style);
}

function memoryTable(results: readonly BenchResult[], style: TableStyle): string[] {
  const head = ['method', 'kernels', 'SRAM in all', 'static', 'stack', 'weights', 'state', 'activations', 'errors'];
  const rows = results.map(({ method, kernels, memory }) => {
    const { arena } = memory;
    return [
      ...[method, kernels, memory.sramTotal, memory.static, memory.stackHighWater],
      ...[arena.weights, arena.state, arena.activations, arena.errors, arena.other, memory.flash],
      memory.weightsInFlash ? 'flash' : 'SRAM',
      memory.effectiveWeightsKept ? 'kept' : 'masked on the fly',
      memory.fastKernels ? 'fast' : 'plain',
    ];
  });
  return formatTable([...head, 'other', 'flash', 'weights in', 'effective weights', 'planned kernels'], rows, style);
}

function flashTable(results: readonly BenchResult[], style: TableStyle): string[] {
  const rows = results.flatMap(({ method, kernels, flashCost }) =>
    flashCost === null
      ? []
      : [[method, kernels, flashCost.codeMisses, flashCost.weightMisses, flashCost.missCycles, flashCost.addedCycles]],
  );
  if (rows.length === 0) return [];
  const head = ['method', 'kernels', 'misses: code', 'misses: weights', 'cycles per miss', 'cycles per step'];
  return formatTable(head, rows, style);
}

function calibrationLine({ boardId, commit, instructionRatio, flashMissCycles }: AppliedCalibration): string {
  const [low, high] = [instructionRatio.low.toFixed(3), instructionRatio.high.toFixed(3)];
  const figures = `instructions ${low} to ${high}, ${flashMissCycles.toFixed(1)} cycles a missed line of flash`;
  return `calibration  board ${boardId}, firmware ${commit}: ${figures}`;
}

function calibratedTable(results: readonly BenchResult[], style: TableStyle): string[] {
  const rows = results.flatMap(({ method, kernels, cyclesPerStep, calibratedCyclesPerStep: estimate }) =>
    estimate && cyclesPerStep ? [[method, kernels, cyclesPerStep.mean, estimate.low, estimate.high]] : [],
  );
  if (rows.length === 0) return [];
  return formatTable(['method', 'kernels', 'emulated', 'at least', 'at most'], rows, style);
}

function ratioLines(results: readonly BenchResult[]): string[] {
  const lines: string[] = [];
  const times = (cycles: number, ours: number) => `${(cycles / ours).toFixed(cycles / ours < 10 ? 2 : 1)} times`;
  for (const { method, kernels, cyclesPerActiveStep: active, forwardCycles, layers } of counted(results)) {
    if (active === null || forwardCycles === null) continue;
    for (const other of counted(results)) {
      if (other.method !== method || other.kernels === kernels || other.cyclesPerActiveStep === null) continue;
      if (other.cyclesPerActiveStep.mean < active.mean) continue;
      lines.push(
        `${method}, active step: ${other.kernels} takes ${times(other.cyclesPerActiveStep.mean, active.mean)} the cycles of ${kernels}`,
      );
    }
    const macs = layers.filter(({ phase }) => phase === 'forward').reduce((sum, layer) => sum + layer.macs, 0);
    if (macs !== REFERENCE_MACS) continue;
    for (const { name, what, cycles } of referenceFigures) {
      const forwardOnly = what.includes('forward');
      const ours = forwardOnly ? forwardCycles : active.mean;
      const part = forwardOnly ? 'forward pass' : 'active step';
      lines.push(`${method} with ${kernels}: ${name} (${what}) takes ${times(cycles, ours)} the cycles of our ${part}`);
    }
  }
  return lines;
}

/** What the cycle model of an emulated report leaves out (docs/emulator.md, "Cycles"). */
export const emulatedDeviations: readonly string[] = [
  'emulated: flash is read at SRAM speed; what the reads would cost is estimated apart, in no other figure',
  'emulated: no contention for SRAM banks between core, DMA and USB; APB accesses cost the same every time',
  'emulated: exception return, tail-chaining and late arrival are not modelled; USB timing is a model',
];

function cautions({ place }: BenchReport): string[] {
  if (place === 'emulated') return [...emulatedDeviations];
  if (place === 'simulated') return ['simulated: no cycles; steps/s are those of this host'];
  return [];
}
