// Draws accuracy over epochs, docs/images/accuracy.svg, from the sessions of sweeps/picture.yaml. Run by make picture.
//   node scripts/picture.mjs SWEEP.json PICTURE.svg
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const [sweepFile, picture] = process.argv.slice(2);
if (picture === undefined) throw new Error('usage: node scripts/picture.mjs SWEEP.json PICTURE.svg');

const WIDTH = 760;
const HEIGHT = 404;
const PLOT = { left: 56, top: 58, right: 452, bottom: 330 };
const LABEL_HEIGHT = 40;
/** Colour says the method, dashes the calibration, in the order of the sweep: for the colour-blind and for paper. */
const LOOKS = ['blue', 'blue dashed', 'orange', 'orange dashed'];

const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const unique = (values) => [...new Set(values)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (fraction) => (100 * fraction).toFixed(1);

/** What is the same in all of them. */
function common(what, values) {
  const [value, ...others] = unique(values);
  if (others.length > 0) throw new Error(`the sessions differ in ${what}: ${[value, ...others].join(', ')}`);
  return value;
}

/** A session's accuracies: before training, then after each epoch, all on one set of images. */
function readRun({ label, place, run }) {
  const folder = resolve(root, run);
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const evaluations = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'epoch');
  evaluations.forEach(({ epoch }, index) => {
    if (epoch !== index - 1) throw new Error(`${run}: there is no evaluation of epoch ${index - 1}`);
  });
  return {
    label,
    place,
    commit: json(join(folder, 'run.json')).provenance.firmware.commit,
    imageSet: common(
      `images of ${run}`,
      evaluations.map(({ imageSet }) => imageSet),
    ),
    images: evaluations[0].images,
    accuracies: evaluations.map(({ accuracy }) => accuracy),
  };
}

const { sessions, failed } = json(sweepFile);
if (failed.length > 0 || sessions.length === 0) throw new Error(`${failed.length} sessions failed: nothing is drawn`);
const runs = sessions.map(readRun);
const [place, commit, images, epochs] = [
  common(
    'place',
    runs.map((run) => run.place),
  ),
  common(
    'commit',
    runs.map((run) => run.commit),
  ),
  common(
    'images',
    runs.map((run) => run.images),
  ),
  common(
    'epochs',
    runs.map((run) => run.accuracies.length - 1),
  ),
];
common(
  'images',
  runs.map((run) => run.imageSet),
);

const groups = unique(runs.map(({ label }) => label)).map((label, index) => {
  const members = runs.filter((run) => run.label === label).map(({ accuracies }) => accuracies);
  const average = members[0].map((_, epoch) => mean(members.map((accuracies) => accuracies[epoch])));
  return { label, look: LOOKS[index] ?? 'blue', members, average, last: average.at(-1) };
});
const seeds = common(
  'number of seeds',
  groups.map(({ members }) => members.length),
);
const before = groups[0].average[0];

const x = (epoch) => PLOT.left + ((PLOT.right - PLOT.left) * epoch) / epochs;
const y = (accuracy) => PLOT.bottom - (PLOT.bottom - PLOT.top) * accuracy;
const line = (accuracies, look) => {
  const points = accuracies.map((accuracy, epoch) => `${x(epoch).toFixed(1)},${y(accuracy).toFixed(1)}`);
  return `<polyline class="${look}" points="${points.join(' ')}"/>`;
};
const text = (at, content, look = '') =>
  `<text x="${at[0]}" y="${at[1].toFixed(1)}" class="${look}">${escaped(content)}</text>`;

/** Where the labels stand: beside the ends of their lines, and never over one another. "METHOD, how" takes two lines. */
function labels() {
  const sorted = groups.toSorted((a, b) => b.last - a.last);
  let lowest = PLOT.top - LABEL_HEIGHT / 2;
  return sorted.flatMap(({ label, look, last }) => {
    lowest = Math.max(lowest + LABEL_HEIGHT, y(last) - LABEL_HEIGHT / 4);
    const [method, how = ''] = label.split(', ');
    const [left, middle] = [PLOT.right + 12, (lowest - 4).toFixed(1)];
    return [
      `<line class="${look} mean" x1="${left}" y1="${middle}" x2="${left + 24}" y2="${middle}"/>`,
      text([left + 32, lowest], `${method}: ${percent(last)} %`, 'strong'),
      text([left + 32, lowest + 16], how, 'quiet'),
    ];
  });
}

const title = 'Accuracy on MNIST digits turned by 45 degrees';
const summary = groups.map(({ label, last }) => `${label}: ${percent(last)} %`).join('; ');
const svg = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title desc">`,
  `<title id="title">${title}</title>`,
  `<desc id="desc">${percent(before)} % before training; mean of ${seeds} seeds after ${epochs} epochs: ${escaped(summary)}.</desc>`,
  '<style>',
  'svg { --ink: #1f2328; --quiet: #59636e; --grid: #d1d9e0; --blue: #0072b2; --orange: #c05000; --paper: #ffffff; }',
  '@media (prefers-color-scheme: dark) {',
  '  svg { --ink: #f0f6fc; --quiet: #9198a1; --grid: #3d444d; --blue: #56b4e9; --orange: #ff9d4d; --paper: #0d1117; } }',
  'rect { fill: var(--paper); }',
  'text { font: 13px system-ui, sans-serif; fill: var(--ink); }',
  '.title { font-size: 17px; font-weight: 600; } .strong { font-weight: 600; } .quiet { fill: var(--quiet); }',
  '.end { text-anchor: end; } .middle { text-anchor: middle; }',
  'polyline, line { fill: none; stroke-width: 1; stroke: var(--grid); }',
  'polyline { stroke-opacity: 0.3; } .mean { stroke-width: 2.5; stroke-opacity: 1; }',
  '.blue { stroke: var(--blue); } .orange { stroke: var(--orange); } .dashed { stroke-dasharray: 6 4; }',
  '</style>',
  `<rect width="${WIDTH}" height="${HEIGHT}"/>`,
  text([PLOT.left, 24], title, 'title'),
  text(
    [PLOT.left, 44],
    `per cent of ${images.toLocaleString('en-US')} test images; thin lines: ${seeds} seeds each`,
    'quiet',
  ),
  ...[0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((accuracy) => [
    `<line x1="${PLOT.left}" y1="${y(accuracy)}" x2="${PLOT.right}" y2="${y(accuracy)}"/>`,
    text([PLOT.left - 8, y(accuracy) + 4], String(100 * accuracy), 'quiet end'),
  ]),
  ...[0, epochs / 3, (2 * epochs) / 3, epochs].map((epoch) =>
    text([x(epoch), PLOT.bottom + 18], String(Math.round(epoch)), 'quiet middle'),
  ),
  text([(PLOT.left + PLOT.right) / 2, PLOT.bottom + 36], 'epochs of 1,024 images, one image at a time', 'quiet middle'),
  ...groups.flatMap(({ members, look }) => members.map((accuracies) => line(accuracies, look))),
  ...groups.map(({ average, look }) => line(average, `${look} mean`)),
  ...labels(),
  text([PLOT.left, HEIGHT - 12], `${place}, commit ${commit.slice(0, 7)}, make picture`, 'quiet'),
  '</svg>',
];
mkdirSync(dirname(picture), { recursive: true });
writeFileSync(picture, `${svg.join('\n')}\n`);
