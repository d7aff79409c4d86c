import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { BenchReport } from '#host/bench/report.js';
import { callCli } from '../cli/run-cli.js';

const folder = mkdtempSync(join(tmpdir(), 'priot-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (...options: string[]) => callCli(['bench', '--dataset', 'digits', '--quiet', ...options]);
const emulated = ['--device', 'emulator', '--method', 'priot,niti-static', '--steps', '3', '--no-xip', '--json'];

/** Milliseconds: processes of some seconds each, on a machine that has other work. */
const timeout = 240_000;
const basePath = join(folder, 'base.json');

const first = await bench(...emulated);

test('the JSON has the keys of the contract, and the phases add up', () => {
  expect(first.status, first.stderr).toBe(0);
  const report = JSON.parse(first.stdout) as BenchReport;
  expect(report).toMatchObject({ place: 'emulated', clockHz: 125_000_000 });
  // none was given
  expect(Object.keys(report)).not.toContain('calibration');
  expect(Object.keys(report.results[0]!)).not.toContain('calibratedCyclesPerStep');
  expect(Object.keys(report.firmware)).toEqual(['commit', 'compiler', 'flags']);
  expect(report.results.map(({ method, kernels, steps }) => [method, kernels, steps])).toEqual([
    ['priot', 'm0plus', 3],
    ['niti-static', 'm0plus', 3],
  ]);
  for (const result of report.results) {
    for (const cycles of [result.cyclesPerStep!, result.cyclesPerActiveStep!]) {
      expect(Object.keys(cycles)).toEqual(['mean', 'median', 'min', 'max']);
    }
    const { forwardCycles, lossCycles, backwardCycles, updateCycles, wireCycles, idleCycles } = result;
    const sum = forwardCycles! + lossCycles! + backwardCycles! + updateCycles!;
    expect(sum / result.cyclesPerStep!.mean).toBeCloseTo(1, 4);
    expect(wireCycles).toBeGreaterThan(0);
    expect(idleCycles).toBeGreaterThanOrEqual(0);
    expect(result.layers[0]).toMatchObject({ name: 'conv1', phase: 'forward', macs: 56_448 });
    for (const { cycles, macs, cyclesPerMac } of result.layers) {
      if (macs > 0) expect(cyclesPerMac).toBeCloseTo(cycles / macs);
      else expect(cyclesPerMac).toBeNull();
    }
    const { arena, sramTotal, static: staticBytes, stackHighWater, flash } = result.memory;
    expect(Object.keys(arena)).toEqual(['weights', 'state', 'activations', 'errors', 'other']);
    const planned = Object.values(arena).reduce((total, bytes) => total + bytes);
    expect(sramTotal).toBe(staticBytes + stackHighWater + planned);
    expect(flash).toBeGreaterThan(0);
  }
});

test('emulated figures repeat exactly, and --compare finds nothing that grew', { timeout }, async () => {
  writeFileSync(basePath, first.stdout);
  const second = await bench(...emulated, '--compare', basePath, '--tolerance', '0');
  expect(second.status, second.stderr).toBe(0);
  expect(repeatable(second.stdout)).toEqual(repeatable(first.stdout));
});

test('--compare: a figure that grew is status 1, another place 2', { timeout }, async () => {
  const base = JSON.parse(first.stdout) as BenchReport;
  base.results[0]!.cyclesPerStep!.mean /= 1.1;
  writeFileSync(basePath, JSON.stringify(base));
  const grown = await bench(...emulated, '--method', 'priot', '--compare', basePath);
  expect(grown.status).toBe(1);
  expect(grown.stderr).toContain('cyclesPerStep.mean of priot with m0plus, +10.00 %');
  expect(JSON.parse(grown.stdout).comparison).toContainEqual(
    expect.objectContaining({ method: 'priot', figure: 'cyclesPerStep.mean', regressed: true }),
  );
  const elsewhere = await bench('--device', 'simulator', '--steps', '6', '--compare', basePath);
  expect(elsewhere.status).toBe(2);
  expect(elsewhere.stderr).toContain('the base is emulated, this is simulated');
});

/** Everything that the host's speed and --compare have no part in. */
function repeatable(text: string) {
  const { comparison: _, ...report } = JSON.parse(text) as BenchReport & { comparison?: unknown };
  return { ...report, results: report.results.map(({ stepsPerSecond: __, ...result }) => result) };
}

test('the simulator has no cycles, and kernels of its own', { timeout }, async () => {
  const run = await bench(
    '--device',
    'simulator',
    '--kernels',
    'simd,plain,dense',
    '--steps',
    '8',
    '--repeats',
    '2',
    '--json',
  );
  expect(run.status, run.stderr).toBe(0);
  const report = JSON.parse(run.stdout) as BenchReport;
  expect(report).toMatchObject({ place: 'simulated', clockHz: null });
  expect(report.results).toHaveLength(12);
  for (const result of report.results) expect(result).toMatchObject({ cyclesPerStep: null, repeats: 2, layers: [] });
  const refused = await bench('--device', 'simulator', '--kernels', 'm0plus');
  expect(refused.status).toBe(2);
});

test('tables for people say where, on what and with which caution', { timeout }, async () => {
  const run = await bench('--device', 'emulator', '--method', 'priot', '--steps', '4', '--markdown');
  expect(run.status, run.stderr).toBe(0);
  expect(run.stdout).toContain('- place: emulated, 125 MHz');
  expect(run.stdout).toMatch(/\| priot +\| m0plus +\| +4 \|/);
  expect(run.stdout).toContain('misses: code');
  expect(run.stdout).toContain('flash is read at SRAM speed');
});

test('a plan that does not fit is refused with its account', async () => {
  const run = await bench('--device', 'emulator', '--method', 'priot', '--memory', '20000');
  expect(run.status).toBe(5);
});
