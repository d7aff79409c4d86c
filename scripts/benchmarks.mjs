// Writes docs/measured.md, and the short table of it in docs/benchmarks.md and README.md: npm run benchmarks
// [-- options of priot bench]. Everything between the markers is what priot bench printed; no number is typed by hand.
// node scripts/benchmarks.mjs --summary-only makes the short tables anew from measured.md as it is.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { costSummary } from './cost-summary.mjs';
import { replaceBlock } from './marked-block.mjs';

const MEASURED = 'docs/measured.md';
const SUMMARIES = ['docs/benchmarks.md', 'README.md'];
const SUMMARY_ONLY = '--summary-only';
/** Three epochs; the yardstick takes ten times as long per step, and hardly depends on the image. */
const RUNS = [
  ['All methods', ['--kernels', 'fastest', '--steps', '3072']],
  ['The smallest plans', ['--kernels', 'fastest', '--method', 'priot', '--steps', '256', '--memory', '68400']],
  ['PRIOT-S in 90 KB', ['--kernels', 'fastest', '--method', 'priot-s', '--steps', '256', '--memory', '60500']],
  ['The yardstick: plain C', ['--kernels', 'fastest,plain,dense', '--method', 'priot', '--steps', '64']],
];

function rewrite(path, name, lines) {
  writeFileSync(path, replaceBlock(readFileSync(path, 'utf8'), name, lines));
}

function measure(extra) {
  return RUNS.map(([title, options]) => {
    const command = ['bench', '--device', 'emulator', ...options, ...extra];
    const { status, stdout } = spawnSync(process.execPath, ['dist/host/cli/main.js', ...command, '--markdown'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    if (status !== 0) process.exit(status ?? 1);
    return `### ${title}\n\`priot ${command.join(' ')}\`\n\n${stdout.replace(/^### /gm, '#### ').trimEnd()}\n`;
  });
}

const extra = process.argv.slice(2);
if (!extra.includes(SUMMARY_ONLY)) rewrite(MEASURED, 'measured', measure(extra).join('\n').split('\n'));
const summary = costSummary(readFileSync(MEASURED, 'utf8'));
for (const page of SUMMARIES) rewrite(page, 'cost', summary);
