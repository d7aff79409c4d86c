import { expect, test } from 'vitest';
import { FlashCache } from '#host/bench/flash-cost.js';
import { layerMacs, phaseMacs, phaseNames } from '#host/bench/multiply-accumulates.js';
import { loadNetwork } from '#host/network/network-file.js';
import { distribution } from '#host/statistics.js';
import { formatTable } from '#host/table.js';

const { network } = loadNetwork('models/tiny-cnn-mnist');

test('multiply-accumulates follow from the shapes: those of docs/arithmetic.md for tiny-cnn', () => {
  expect(network.layers.map(layerMacs)).toEqual([56_448, 225_792, 50_176, 640]);
  const sum = (phase: (typeof phaseNames)[number]) =>
    network.layers.reduce((total, _, index) => total + phaseMacs(network, index, phase), 0);
  expect(sum('forward')).toBe(333_056);
  expect(phaseNames.map(sum).reduce((a, b) => a + b)).toBe(942_720);
  expect(phaseMacs(network, 0, 'error')).toBe(0);
});

test('a distribution has the median of even and odd counts', () => {
  expect(distribution([5, 1, 3])).toEqual({ mean: 3, median: 3, min: 1, max: 5 });
  expect(distribution([4, 1, 3, 2])).toEqual({ mean: 2.5, median: 2.5, min: 1, max: 4 });
});

test('the model of the flash cache: lines of 8 bytes, two ways, the least recently used one goes', () => {
  const cache = new FlashCache();
  const [a, b, c] = [0x1000_0000, 0x1000_2000, 0x1000_4000]; // 8 KB apart: one set
  expect(cache.read(a)).toBe(true);
  expect(cache.read(a + 7)).toBe(false);
  expect(cache.read(a + 8)).toBe(true);
  expect(cache.read(b)).toBe(true);
  expect(cache.read(a)).toBe(false);
  expect(cache.read(c)).toBe(true); // takes the place of b
  expect(cache.read(a)).toBe(false);
  expect(cache.read(b)).toBe(true);
  const whole = new FlashCache();
  for (let pass = 0; pass < 2; pass++) {
    let misses = 0;
    for (let at = 0; at < 16 * 1024; at += 4) if (whole.read(0x1000_0000 + at)) misses++;
    expect(misses).toBe(pass === 0 ? 2048 : 0);
  }
});

test('tables: numbers to the right, nothing as a dash, the same as Markdown', () => {
  const rows = [
    ['priot', 1234567.4],
    ['niti', null],
  ];
  expect(formatTable(['method', 'cycles'], rows, 'text')).toEqual([
    'method     cycles',
    'priot   1,234,567',
    'niti            -',
  ]);
  expect(formatTable(['method', 'cycles'], rows, 'markdown')).toEqual([
    '| method |    cycles |',
    '| ------ | --------: |',
    '| priot  | 1,234,567 |',
    '| niti   |         - |',
  ]);
});
