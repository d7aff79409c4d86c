// Writes the tables of docs/results.md, and of two of them into README.md, from the sweeps' results, so that no
// number is typed by hand. Run by the commands of scripts/results.mk; tables whose sweep
// was not run stay as they are.
//   node scripts/results.mjs [FOLDER OF SWEEPS [PAGE README]]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { replaceBlock } from './marked-block.mjs';

const root = join(import.meta.dirname, '..');
const sweeps = process.argv[2] ?? join(root, 'runs/sweeps');
const page = process.argv[3] ?? join(root, 'docs/results.md');
const readme = process.argv[4] ?? join(root, 'README.md');
const COLLAPSED = 0.5;
/** What README.md shows of the accuracy table. */
const README_ROWS = [
  'priot, transfer calibration, mu 5',
  'priot, source calibration, mu 4',
  'priot + negate in fc1',
  'priot-s 10 %, automatic budget + negate in fc1',
  'niti-static, transfer calibration, mu 4',
  'niti-static, source calibration, mu 5',
  'niti-dynamic, mu 3',
];

const percent = (fraction) => (100 * fraction).toFixed(1);
const read = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [
  row(head),
  row(head.map((_, column) => (column === 0 ? '---' : '--:'))),
  ...rows.map(row),
];
const unique = (values) => [...new Set(values)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function spread(values) {
  if (values.length < 2) return percent(values[0]);
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1),
  );
  return `${percent(mean(values))} ± ${percent(deviation)}`;
}

function provenance(sessions, failed) {
  const places = unique(sessions.map(({ place }) => place)).join(', ');
  const runs = sessions.map(({ run }) => read(join(resolve(root, run), 'run.json')));
  const commits = unique(runs.map((run) => run?.provenance.firmware.commit ?? 'unknown')).join(', ');
  return `${sessions.length} sessions, ${failed.length} failed; ${places}, commit ${commits}.`;
}

function accuracyTable({ sessions, failed }) {
  const angles = unique(sessions.map(({ parameters }) => parameters.angle)).sort((a, b) => a - b);
  const at = (label, angle) => sessions.filter((s) => s.label === label && s.parameters.angle === angle);
  const labels = unique(sessions.map(({ label }) => label));
  const before = (angle) => sessions.find((s) => s.parameters.angle === angle).accuracy.before;
  const rows = [
    ['before transfer', ...angles.map((angle) => percent(before(angle))), ''],
    ...labels.map((label) => [
      label,
      ...angles.map((angle) => {
        const values = at(label, angle).map((session) => session.accuracy.after);
        return values.length === 0 ? '' : spread(values);
      }),
      String(Math.min(...angles.map((angle) => at(label, angle).length).filter((n) => n > 0))),
    ]),
  ];
  const note = provenance(sessions, failed);
  return [...table(['method', ...angles.map((angle) => `${angle}°`), 'seeds'], rows), '', note];
}

/** The lines of the accuracy table without the rows that README.md leaves out. */
function shortened(lines, labels) {
  const left = labels.filter((label) => !README_ROWS.includes(label));
  return lines.filter((line) => !left.some((label) => line.startsWith(`| ${label} |`)));
}

function emulatorNote(sweep, emulated) {
  const twin = sweep.sessions.find(
    ({ label, parameters }) =>
      label === 'priot, transfer calibration, mu 5' && Number(parameters.angle) === 45 && Number(parameters.seed) === 0,
  );
  if (twin === undefined || emulated?.summary === undefined) return [];
  const { stateDigest, steps, cyclesPerStep, place } = emulated.summary;
  const same = stateDigest === twin.stateDigest;
  const cycles = Math.round(cyclesPerStep.mean).toLocaleString('en-US');
  return [
    '',
    `PRIOT at 45 degrees, seed 0, ${steps} steps, ${place}: learned state ${same ? 'identical' : 'DIFFERENT'} to the ` +
      `simulated session's (SHA-256 ${stateDigest.slice(0, 16)}…), ${cycles} cycles per step.`,
  ];
}

function robustnessTable({ sessions, failed }) {
  const angles = unique(sessions.map(({ parameters }) => parameters.angle)).sort((a, b) => a - b);
  const groups = unique(sessions.map(({ label, parameters }) => `${label}, mu ${parameters.mu}`));
  const rows = groups.map((group) => [
    group,
    ...angles.flatMap((angle) => {
      const values = sessions
        .filter(({ label, parameters }) => `${label}, mu ${parameters.mu}` === group && parameters.angle === angle)
        .map(({ accuracy }) => accuracy.after);
      if (values.length === 0) return ['', '', ''];
      const collapsed = values.filter((value) => value < COLLAPSED).length;
      return [percent(mean(values)), percent(Math.min(...values)), `${collapsed} of ${values.length}`];
    }),
  ]);
  const head = ['method', ...angles.flatMap((angle) => [`${angle}° mean`, 'worst', 'collapsed'])];
  const note = provenance(sessions, failed);
  return [...table(head, rows), '', note];
}

let text = readFileSync(page, 'utf8');
const accuracy = read(join(sweeps, 'accuracy.json'));
if (accuracy !== undefined) {
  const emulated = read(join(sweeps, 'accuracy-emulated/run.json'));
  const lines = [...accuracyTable(accuracy), ...emulatorNote(accuracy, emulated)];
  text = replaceBlock(text, 'accuracy', lines);
  const short = shortened(lines, unique(accuracy.sessions.map(({ label }) => label)));
  writeFileSync(readme, replaceBlock(readFileSync(readme, 'utf8'), 'accuracy', short));
}
const heldOut = read(join(sweeps, 'held-out.json'));
if (heldOut !== undefined) text = replaceBlock(text, 'held-out', accuracyTable(heldOut));
const vgg11 = read(join(sweeps, 'vgg11.json'));
if (vgg11 !== undefined) {
  const lines = accuracyTable(vgg11);
  text = replaceBlock(text, 'vgg11', lines);
  writeFileSync(readme, replaceBlock(readFileSync(readme, 'utf8'), 'vgg11', lines));
}
for (const name of ['steady', 'steady-vgg11', 'held-out-steady', 'held-out-steady-vgg11']) {
  const sweep = read(join(sweeps, `${name}.json`));
  if (sweep !== undefined) text = replaceBlock(text, name, accuracyTable(sweep));
}
for (const name of ['robustness', 'robustness-steady']) {
  const sweep = read(join(sweeps, `${name}.json`));
  if (sweep !== undefined) text = replaceBlock(text, name, robustnessTable(sweep));
}
writeFileSync(page, text);
