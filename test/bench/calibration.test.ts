/** `priot bench --calibration`: what a board's self test makes of emulated cycles. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { calibrate, calibratedCycles, readCalibration } from '#host/bench/calibration.js';
import type { BenchReport } from '#host/bench/report.js';
import { bench } from '#host/sessions/bench.js';
import { callCli } from '../cli/run-cli.js';

const folder = mkdtempSync(join(tmpdir(), 'priot-calibration-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Multiply, load, store, branch, flash cached and missed, interrupt, DMA, USB memory, second core. */
const EMULATED = [1000, 2000, 2000, 2000, 6000, 6000, 40_000, 2000, 5000, 0];
const BOARD = [1000, 2020, 1980, 2000, 6144, 6144 + 50 * 1024, 41_000, 2500, 5000, 3000];

function file(name: string, change: object = {}): string {
  const path = join(folder, name);
  const document = {
    place: 'hardware',
    boardId: 'e6613852834b7a2f',
    firmware: { commit: 'abcdef012345' },
    calibration: calibrate(BOARD, EMULATED),
    ...change,
  };
  writeFileSync(path, JSON.stringify(document));
  return path;
}

test('a figure that is missing is null, and loads beside the second core are held beside plain ones', () => {
  const [, load, , , , , , , , secondCore] = calibrate(BOARD, EMULATED);
  expect(load).toEqual({ name: 'load', measured: 2020, emulated: 2000, ratio: 1.01 });
  expect(secondCore).toEqual({ name: 'load beside the second core', measured: 3000, emulated: 2000, ratio: 1.5 });
  expect(calibrate(EMULATED, EMULATED).at(-1)).toMatchObject({ measured: null, ratio: null });
});

test('cycles lie between the cheapest and the dearest instruction, and misses cost what the board said', () => {
  const calibration = readCalibration(file('board.json'));
  expect(calibration).toEqual({
    boardId: 'e6613852834b7a2f',
    commit: 'abcdef012345',
    instructionRatio: { low: 0.99, high: 1.01 },
    flashMissCycles: 50,
  });
  expect(calibratedCycles(100_000, 10, calibration)).toEqual({ low: 99_500, high: 101_500 });
});

test.each([
  ['CALIBRATION_NOT_HARDWARE', { place: 'emulated' }],
  ['CALIBRATION_MALFORMED', { calibration: [] }],
  ['CALIBRATION_MALFORMED', { calibration: [{ name: 'load' }] }],
  ['CALIBRATION_MALFORMED', { place: undefined }],
])('%s: %j', (code, change) => {
  expect(() => readCalibration(file('other.json', change))).toThrow(expect.objectContaining({ code, class: 'data' }));
});

test('a file that is none is CALIBRATION_MALFORMED', () => {
  const code = 'CALIBRATION_MALFORMED';
  expect(() => readCalibration(join(folder, 'none.json'))).toThrow(expect.objectContaining({ code }));
});

const emulated = ['bench', '--dataset', 'digits', '--method', 'priot', '--steps', '2', '--no-xip', '--quiet'];

test('text and JSON say which calibration was applied', { timeout: 240_000 }, async () => {
  const calibrated = ['--device', 'emulator', '--calibration', file('board.json')];
  const text = await callCli([...emulated, ...calibrated]);
  expect(text.status, text.stderr).toBe(0);
  expect(text.stdout).toContain(
    'calibration  board e6613852834b7a2f, firmware abcdef012345: instructions 0.990 to 1.010',
  );
  expect(text.stdout).toContain('Calibrated, an estimate of the mean step on that board');

  const json = JSON.parse((await callCli([...emulated, ...calibrated, '--json'])).stdout) as BenchReport;
  const { cyclesPerStep, calibratedCyclesPerStep } = json.results[0]!;
  expect(json.calibration!.flashMissCycles).toBe(50);
  expect(calibratedCyclesPerStep!.low / cyclesPerStep!.mean).toBeCloseTo(0.99);
  expect(calibratedCyclesPerStep!.high / cyclesPerStep!.mean).toBeCloseTo(1.01);
});

test('it is for the emulator alone', async () => {
  const options = { device: 'simulator', dataset: 'digits', steps: 2, calibration: file('board.json') };
  await expect(bench(options)).rejects.toMatchObject({ code: 'CALIBRATION_NOT_HERE', class: 'usage' });
});
