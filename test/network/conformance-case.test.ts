import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findCases, loadCase } from '#host/network/conformance-case.js';

const cases = join(import.meta.dirname, '../conformance');
const scratch = mkdtempSync(join(tmpdir(), 'priot-case-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function copyOf(name: string): string {
  const copy = mkdtempSync(join(scratch, 'copy-'));
  cpSync(join(cases, name), copy, { recursive: true });
  return copy;
}

describe('a conformance case', () => {
  it('is found and read, every one', () => {
    const all = findCases(cases).map(loadCase);
    expect(all.map(({ name }) => name)).toEqual(readdirSync(cases).sort());
    expect(all.map(({ steps }) => steps.length)).toEqual(all.map(() => 32));
    expect(loadCase(join(cases, 'priot-45')).steps[0]).toEqual({
      label: 4,
      logits: [-40187, -30375, -14181, -13943, 4528, -9647, -42683, -35556, -11229, 15120],
      lossGradient: [0, 0, 0, 0, -120, 0, 0, 0, 0, 120],
      layers: [
        { input: 946971549, delta: 2866063424, state: 3903993842 },
        { input: 978463186, delta: 613991318, state: 3317020161 },
        { input: 4264122915, delta: 2448008562, state: 2204350691 },
        { input: 1275876084, delta: 2784488253, state: 2003134015 },
      ],
    });
  });

  it('may be named by its own folder', () => {
    expect(findCases(join(cases, 'priot-45'))).toEqual([join(cases, 'priot-45')]);
  });

  it('is missed where there is none', () => {
    expect(() => findCases(scratch)).toThrow(/no conformance case/);
    expect(() => findCases('/nowhere')).toThrow(/cannot read the folder/);
  });

  it('is refused with files of the wrong length or range', () => {
    const short = copyOf('priot-strided');
    writeFileSync(join(short, 'images.bin'), readFileSync(join(short, 'images.bin')).subarray(1));
    expect(() => loadCase(short)).toThrow(/images\.bin: has 24479 bytes, must have 24480/);
    const bright = copyOf('priot-strided');
    const images = readFileSync(join(bright, 'images.bin'));
    images[5] = 200;
    writeFileSync(join(bright, 'images.bin'), images);
    expect(() => loadCase(bright)).toThrow(/images\.bin: byte 5 is 200, outside 0\.\.127/);
  });

  it('is refused with a label or a list that does not fit the network', () => {
    const folder = copyOf('priot-strided');
    const json = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
    const write = (change: object) =>
      writeFileSync(join(folder, 'case.json'), JSON.stringify({ ...json, steps: [{ ...json.steps[0], ...change }] }));
    writeFileSync(join(folder, 'images.bin'), readFileSync(join(folder, 'images.bin')).subarray(0, 765));
    write({ label: 7 });
    expect(() => loadCase(folder)).toThrow(/steps\[0\]\.label is 7; it must be a whole number in 0\.\.6/);
    write({ logits: [1, 2] });
    expect(() => loadCase(folder)).toThrow(/steps\[0\]\.logits is \[1,2\]; it must be a list of 7 entries/);
    write({});
    expect(loadCase(folder).steps).toHaveLength(1);
  });
});
