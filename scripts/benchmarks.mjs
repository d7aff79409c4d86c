// Writes the measured tables of docs/benchmarks.md: npm run benchmarks [-- options of priot bench].
// Everything between the two markers is what priot bench printed; no number in it is typed by hand.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const DOCUMENT = 'docs/benchmarks.md';
const MARKERS = ['<!-- measured: begin -->', '<!-- measured: end -->'];
/** Three epochs; the yardstick takes ten times as long a step, and hardly depends on the image. */
const RUNS = [
  ['All methods', ['--kernels', 'fastest', '--steps', '3072']],
  ['The smallest plans', ['--kernels', 'fastest', '--method', 'priot', '--steps', '256', '--memory', '68000']],
  ['PRIOT-S in 90 KB', ['--kernels', 'fastest', '--method', 'priot-s', '--steps', '256', '--memory', '60500']],
  ['The yardstick: plain C', ['--kernels', 'fastest,plain,dense', '--method', 'priot', '--steps', '64']],
];

const extra = process.argv.slice(2);
const parts = RUNS.map(([title, options]) => {
  const command = ['bench', '--device', 'emulator', ...options, ...extra];
  const { status, stdout } = spawnSync(process.execPath, ['dist/host/cli/main.js', ...command, '--markdown'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) process.exit(status ?? 1);
  return `### ${title}\n\`priot ${command.join(' ')}\`\n\n${stdout.replace(/^### /gm, '#### ').trimEnd()}\n`;
});

const text = readFileSync(DOCUMENT, 'utf8');
const [begin, end] = MARKERS.map((marker) => text.indexOf(marker));
if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} lacks its markers`);
const head = text.slice(0, begin + MARKERS[0].length);
writeFileSync(DOCUMENT, `${head}\n${parts.join('\n')}\n${text.slice(end)}`);
