/** The tables of docs/results.md and README.md come from sweeps: scripts/results.mjs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const scratch = mkdtempSync(join(tmpdir(), 'priot-results-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const script = join(import.meta.dirname, '../../scripts/results.mjs');
const page = join(scratch, 'results.md');
const readme = join(scratch, 'README.md');

function session(label: string, angle: number, seed: number, after: number, more: Record<string, unknown> = {}) {
  const parameters = { angle: String(angle), seed: String(seed), ...more };
  return {
    label,
    parameters,
    run: scratch,
    place: 'simulated',
    stateDigest: `d${seed}`,
    accuracy: { before: 0.5, after, best: after },
  };
}

function write(name: string, sessions: unknown[]) {
  writeFileSync(join(scratch, `${name}.json`), JSON.stringify({ sessions, failed: [] }));
}

it('puts the results of both sweeps between their marks, and leaves the rest', () => {
  writeFileSync(
    page,
    ['# Results', '<!-- accuracy: begin -->', 'old', '<!-- accuracy: end -->', 'text', '<!-- robustness: begin -->']
      .concat('<!-- robustness: end -->', 'end', '')
      .join('\n'),
  );
  writeFileSync(readme, '# priot\n<!-- accuracy: begin -->\n<!-- accuracy: end -->\n');
  writeFileSync(join(scratch, 'run.json'), JSON.stringify({ provenance: { firmware: { commit: 'abc' } } }));
  const priot = 'priot, transfer calibration, mu 5';
  write('accuracy', [session(priot, 45, 0, 0.95), session(priot, 45, 1, 0.97), session('niti', 30, 0, 0.9)]);
  write('robustness', [
    session('priot', 45, 0, 0.9, { mu: '3' }),
    session('priot', 45, 1, 0.3, { mu: '3' }),
    session('priot', 45, 0, 0.8, { mu: '4' }),
  ]);
  mkdirSync(join(scratch, 'accuracy-emulated'));
  const summary = { stateDigest: 'd0', steps: 7, cyclesPerStep: { mean: 1234.5 }, place: 'emulated' };
  writeFileSync(join(scratch, 'accuracy-emulated', 'run.json'), JSON.stringify({ summary }));
  execFileSync(process.execPath, [script, scratch, page, readme]);
  const text = readFileSync(page, 'utf8');
  expect(text).toContain(
    [
      '<!-- accuracy: begin -->',
      '| method | 30° | 45° | seeds |',
      '| --- | --: | --: | --: |',
      '| before transfer | 50.0 | 50.0 |  |',
      '| priot, transfer calibration, mu 5 |  | 96.0 ± 1.4 | 2 |',
      '| niti | 90.0 |  | 1 |',
      '',
      '3 sessions, 0 failed; simulated, commit abc.',
      '',
      'PRIOT at 45 degrees, seed 0, 7 steps, emulated: learned state identical to the simulated session',
    ].join('\n'),
  );
  expect(text).toContain('| priot, mu 3 | 60.0 | 30.0 | 1 of 2 |');
  expect(text).toContain('| priot, mu 4 | 80.0 | 80.0 | 0 of 1 |');
  const short = readFileSync(readme, 'utf8');
  expect(short).toContain('| priot, transfer calibration, mu 5 |  | 96.0 ± 1.4 | 2 |');
  expect(short).not.toContain('| niti |');
  expect(text).toMatch(/end -->\ntext\n/);
  expect(text).not.toContain('old');
});

it('says so when the emulated state differs', () => {
  writeFileSync(
    join(scratch, 'accuracy-emulated', 'run.json'),
    JSON.stringify({ summary: { stateDigest: 'x', steps: 7, cyclesPerStep: { mean: 1 }, place: 'emulated' } }),
  );
  execFileSync(process.execPath, [script, scratch, page, readme]);
  expect(readFileSync(page, 'utf8')).toContain('DIFFERENT');
});
