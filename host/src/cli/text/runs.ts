/** Runs as text for a terminal. Numbers keep their place beside them. */

import type { HistogramBin } from '../../report/step-series.js';
import type { Comparison, Setting } from '../../runs/comparison.js';
import type { CycleStatistics } from '../../runs/run-manifest.js';
import type { AccuracyCurve } from '../../runs/run-metrics.js';
import { type ListedRun, type RunRecord, resultOf } from '../../runs/run-record.js';
import { formatRows } from '../../table.js';
import { histogramLines, sparkline } from './graphs.js';

const none = '-';
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

function accuracyText(accuracy: number | null): string {
  return accuracy === null ? none : accuracy.toFixed(4);
}

function cyclesText(cycles: number | undefined): string {
  return cycles === undefined ? none : whole.format(cycles);
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

export function formatList(runs: readonly ListedRun[]): string[] {
  const rows = [['run', 'created', 'place', 'data', 'method', 'seed', 'steps', 'before', 'after', 'cycles/step', '']];
  for (const run of runs) {
    if ('error' in run) {
      rows.push([run.path, none, none, none, none, none, none, none, none, none, `damaged: ${run.error.message}`]);
      continue;
    }
    const { asked, place, createdAt } = run.manifest;
    const { done, steps, accuracy, cyclesPerStep } = run.result;
    const created = createdAt.slice(0, 19).replace('T', ' ');
    const data = `${asked.dataset} ${asked.angle}°`;
    const numbers = [
      String(asked.seed),
      String(steps),
      accuracyText(accuracy.before),
      accuracyText(accuracy.after),
      cyclesText(cyclesPerStep?.mean),
    ];
    const state = done ? '' : `not done, of ${asked.samples * asked.epochs} steps`;
    rows.push([run.path, created, place, data, asked.method, ...numbers, state]);
  }
  return formatRows(rows, [5, 6, 7, 8, 9]);
}

function curveLines(curve: AccuracyCurve): string[] {
  const rows = [['epoch', 'correct', 'accuracy', '']];
  if (curve.before !== null) rows.push(['before', none, accuracyText(curve.before), '']);
  for (const { epoch, correct, accuracy } of curve.epochs) {
    rows.push([String(epoch + 1), String(correct), accuracyText(accuracy), epoch === curve.best?.epoch ? 'best' : '']);
  }
  const values = [...(curve.before === null ? [] : [curve.before]), ...curve.epochs.map(({ accuracy }) => accuracy)];
  const lines = [`accuracy on ${curve.imageSet}, ${curve.images} images (best is chosen on test data)`];
  if (values.length > 2) lines.push(`  ${sparkline(values)}`);
  return [...lines, ...indented(formatRows(rows, [0, 1, 2]))];
}

function cyclesLines(place: string, cycles: CycleStatistics): string[] {
  const values = [cycles.mean, cycles.median, cycles.min, cycles.max].map((value) => cyclesText(value));
  return [
    `cycles per step, ${place}, compute alone`,
    ...indented(formatRows([['mean', 'median', 'min', 'max'], values], [0, 1, 2, 3])),
  ];
}

/** How a run is shown besides its record. */
export interface RunGraphs {
  /** How many steps took how many cycles; empty without a cycle counter. */
  readonly cycles: readonly HistogramBin[];
  /** Of the terminal; undefined: there is none. */
  readonly columns: number | undefined;
}

/** Writes what was asked of a run, on what it ran, and its result. */
export function formatRun({ path, manifest, metrics }: RunRecord, { cycles, columns }: RunGraphs): string[] {
  const { asked, provenance, place, summary, begunAt } = manifest;
  const { firmware, device } = provenance;
  const { done, steps, stateDigest } = resultOf(manifest, () => metrics);
  const emulator = device.emulator === undefined ? '' : ` (${device.emulator})`;
  const facts = [
    ['run', path],
    ['created', manifest.createdAt],
    ['command', manifest.command.join(' ')],
    ['place', place],
    ['asked', `${asked.method}, ${asked.model}, ${asked.dataset} at ${asked.angle}°, seed ${asked.seed}`],
    [
      '',
      `${asked.samples} images x ${asked.epochs} epochs, evaluation on ${asked.evalSamples ?? 'the default number of'} images`,
    ],
    ['device', `${device.name}${emulator}, board ${device.boardId}`],
    [
      'firmware',
      `${firmware.commit}, ${firmware.compiler}, image ${firmware.imageSha256?.slice(0, 16) ?? 'not known'}`,
    ],
    ['host', `priot ${provenance.host.priot}, node ${provenance.host.node}, ${provenance.host.system}`],
    ['data', provenance.dataset.source],
    ...(begunAt === undefined
      ? []
      : [['begun', `at step ${begunAt.step}, from the device's checkpoint ${begunAt.sequence}`]]),
    ['steps', `${steps}, ${metrics.activeSteps} with a backward pass`],
    ['state', stateDigest === null ? none : `SHA-256 ${stateDigest}`],
    ['result', done ? `done in ${summary!.wallSeconds.toFixed(1)} s` : `not done: \`priot train --resume ${path}\``],
  ];
  const lines = formatRows(facts);
  for (const curve of metrics.accuracy) lines.push('', ...curveLines(curve));
  if (metrics.cyclesPerStep !== null) lines.push('', ...cyclesLines(place, metrics.cyclesPerStep));
  if (cycles.length > 1) lines.push('', 'steps by cycles, from', ...indented(histogramLines(cycles, columns)));
  if (metrics.memory !== null) {
    const { arena, sramTotal, static: staticBytes, code = null, stackHighWater, flash } = metrics.memory;
    const plan = Object.fromEntries(Object.entries(arena).map(([name, bytes]) => [`arena ${name}`, bytes]));
    const rows = Object.entries({ sramTotal, static: staticBytes, code, stackHighWater, ...plan, flash });
    lines.push(
      '',
      'memory, bytes',
      ...indented(
        formatRows(
          rows.map(([name, bytes]) => [name, bytes === null || bytes === 0 ? none : whole.format(bytes)]),
          [1],
        ),
      ),
    );
  }
  if (metrics.link !== null) {
    const { frames, crcErrors, retries, timeouts, roundTripMs } = metrics.link;
    const round = roundTripMs.toFixed(2);
    lines.push(
      '',
      `link: ${frames} frames, ${crcErrors} CRC errors, ${retries} retries, ${timeouts} timeouts, round trip ${round} ms`,
    );
  }
  for (const fault of metrics.faults) lines.push(`fault at step ${fault.step}: ${fault.code}: ${fault.message}`);
  return lines;
}

/** Digests are shortened: here they only have to be told apart. */
function settingText(value: Setting): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value.slice(0, 12);
  return value === null ? none : String(value);
}

/** More runs than this do not fit beside one another: each is then a row. */
const MOST_COLUMNS = 3;

/** Writes a comparison: runs beside one another, or, when there are many, as those of a sweep, one below the other. */
export function formatComparison(comparison: Comparison): string[] {
  const { runs, differences, stateDigestsEqual, notes } = comparison;
  const lines = runs.length > MOST_COLUMNS ? runsAsRows(comparison) : runsAsColumns(comparison);
  if (differences.length === 0) lines.push('', 'settings: all the same');
  const states = { true: 'the same bytes in all runs', false: 'differ', null: 'not known while a run is not done' };
  lines.push('', `learned states: ${states[`${stateDigestsEqual}`]}`);
  return [...lines, ...notes.map((note) => `note: ${note}`)];
}

function runsAsColumns({ runs, differences }: Comparison): string[] {
  const columns = runs.map((_, index) => index + 1);
  const rows = [
    ['', ...runs.map((run) => run.run)],
    ['place', ...runs.map((run) => run.place)],
    ['steps', ...runs.map((run) => String(run.steps))],
    ['accuracy before', ...runs.map((run) => accuracyText(run.accuracy.before))],
    ['accuracy after', ...runs.map((run) => accuracyText(run.accuracy.after))],
    ['accuracy best', ...runs.map((run) => accuracyText(run.accuracy.best))],
    ['cycles/step mean', ...runs.map((run) => cyclesText(run.cyclesPerStep?.mean))],
    ['cycles/step median', ...runs.map((run) => cyclesText(run.cyclesPerStep?.median))],
  ];
  if (runs.some((run) => run.cyclesRatio !== null)) {
    rows.push(['cycles to the first', ...runs.map((run) => run.cyclesRatio?.toFixed(3) ?? none)]);
  }
  rows.push(['learned state', ...runs.map((run) => settingText(run.stateDigest))]);
  const lines = formatRows(rows, columns);
  if (differences.length === 0) return lines;
  lines.push('', 'settings that differ');
  return [
    ...lines,
    ...indented(formatRows(differences.map(({ setting, values }) => [setting, ...values.map(settingText)]))),
  ];
}

/** The options that differ are columns; of what else differs only the number of values is told. */
function runsAsRows({ runs, differences }: Comparison): string[] {
  const folder = commonFolder(runs.map(({ run }) => run));
  const asked = differences.filter(({ setting }) => setting === 'place' || setting.startsWith('asked.'));
  const others = differences.filter((difference) => !asked.includes(difference));
  const head = ['run', ...asked.map(({ setting }) => setting.replace('asked.', ''))];
  const rows = runs.map(({ run, accuracy, cyclesPerStep, stateDigest }, index) => [
    run.slice(folder.length),
    ...asked.map(({ values }) => settingText(values[index]!)),
    ...[accuracy.before, accuracy.after, accuracy.best].map(accuracyText),
    cyclesText(cyclesPerStep?.mean),
    settingText(stateDigest),
  ]);
  const numbers = ['before', 'after', 'best', 'cycles/step', 'learned state'];
  const right = [...asked, 'before', 'after', 'best', 'cycles/step'].map((_, index) => index + 1);
  const lines = [
    ...(folder === '' ? [] : [`runs in ${folder}`]),
    ...formatRows([[...head, ...numbers], ...rows], right),
  ];
  if (others.length === 0) return lines;
  const counted = others.map(({ setting, values }) => [setting, `${new Set(values).size} values`]);
  return [...lines, '', 'what else differs (--json has it all)', ...indented(formatRows(counted))];
}

/** The folders that all paths begin with, ending in a slash; empty when there are none. */
function commonFolder(paths: readonly string[]): string {
  let folder = paths[0] ?? '';
  do folder = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
  while (folder !== '' && !paths.every((path) => path.startsWith(folder)));
  return folder;
}
