import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callCli } from './run-cli.js';

const conformance = join(import.meta.dirname, '../conformance');
const scratch = mkdtempSync(join(tmpdir(), 'priot-verify-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A folder of cases with one copy of priot-strided, changed. */
function changedCase(change: (json: CaseJson) => void): string {
  const cases = mkdtempSync(join(scratch, 'cases-'));
  cpSync(join(conformance, 'priot-strided'), join(cases, 'changed'), { recursive: true });
  const file = join(cases, 'changed', 'case.json');
  const json = JSON.parse(readFileSync(file, 'utf8'));
  change(json);
  writeFileSync(file, JSON.stringify(json));
  return cases;
}

interface CaseJson {
  steps: { logits: number[]; loss_gradient: number[]; layers: Record<'input' | 'delta' | 'state', number>[] }[];
}

const verify = (...args: string[]) => callCli(['verify', '--device', 'simulator', '--quiet', ...args]);

describe('priot verify', () => {
  it('finds that the simulator gives the integers of every priot case that comes with priot', async () => {
    const result = await verify('--json');
    expect(result.status).toBe(0);
    const { place, cases } = JSON.parse(result.stdout);
    expect(place).toBe('simulated');
    expect(cases).toHaveLength(19);
    for (const { name, steps, match, firstDifference } of cases) {
      const replayed = { name, steps: 32, match: true, firstDifference: null };
      // Methods that are not built in are skipped, and say so.
      const expected = /^priot-(?!s)|^priot-(saturated|strided)/.test(name)
        ? replayed
        : { ...replayed, match: expect.toBeOneOf([true, null]) };
      expect({ name, steps, match, firstDifference }).toEqual(expected);
    }
  });

  it.each<[string, (json: CaseJson) => void, object]>([
    [
      'a logit',
      ({ steps }) => {
        steps[7]!.logits[3]! += 1;
      },
      { step: 7, layer: null, tensor: 'logits[3]' },
    ],
    [
      'the loss gradient',
      ({ steps }) => {
        steps[0]!.loss_gradient[2] = -9;
      },
      { step: 0, layer: null, tensor: 'loss_gradient[2]', expected: -9, got: 10 },
    ],
    [
      'an input',
      ({ steps }) => {
        steps[2]!.layers[1]!.input = 1;
      },
      { step: 2, layer: 'conv2', tensor: 'input', expected: 1 },
    ],
    [
      'a delta',
      ({ steps }) => {
        steps[2]!.layers[0]!.delta = 1;
      },
      { step: 2, layer: 'conv1', tensor: 'delta', expected: 1 },
    ],
    [
      'a state',
      ({ steps }) => {
        steps[31]!.layers[2]!.state = 1;
      },
      { step: 31, layer: 'fc1', tensor: 'state', expected: 1 },
    ],
  ])('names the first difference: %s', async (_, change, difference) => {
    const result = await verify('--cases', changedCase(change), '--json');
    expect(result.status).toBe(1);
    expect(JSON.parse(result.stdout).cases).toMatchObject([{ match: false, firstDifference: difference }]);
  });

  it('names the edge of the final state that differs', async () => {
    const cases = changedCase(() => {});
    const file = join(cases, 'changed', 'state-final.bin');
    const state = readFileSync(file);
    state[995] = state[995]! ^ 1;
    writeFileSync(file, state);
    const result = await verify('--cases', join(cases, 'changed'));
    expect(result.status).toBe(1);
    expect(result.stdout).toMatch(/DIFFERS first in step 31, layer fc1, state\[5\]: expected -?\d+, got -?\d+\n/);
    expect(result.stdout).toMatch(/simulated: 0 of 1 cases match, 1 differ, 0 skipped\n/);
  });

  it('refuses a folder without cases', async () => {
    const none = await verify('--cases', scratch);
    expect(none.status).toBe(4);
    expect(none.stderr).toMatch(/no conformance case in/);
  });

  it('reports a case that cannot be read, and replays the others', async () => {
    const cases = changedCase(({ steps }) => steps[3]!.logits.pop());
    cpSync(join(conformance, 'priot-strided'), join(cases, 'whole'), { recursive: true });
    mkdirSync(join(cases, 'broken'));
    writeFileSync(join(cases, 'broken', 'case.json'), '{');
    const { status, stdout } = await verify('--cases', cases);
    expect(status).toBe(4);
    expect(stdout).toMatch(/^broken +CANNOT BE READ: .*broken\/case\.json: is no JSON/m);
    expect(stdout).toMatch(/^changed +CANNOT BE READ: .*changed\/case\.json: steps\[3\]\.logits is/m);
    expect(stdout).toMatch(/^priot-strided +32 steps match$/m);
    expect(stdout).toMatch(/simulated: 1 of 3 cases match, 0 differ, 0 skipped, 2 cannot be read\n/);
    const json = await verify('--cases', cases, '--json');
    expect(JSON.parse(json.stdout).cases[0]).toMatchObject({
      name: 'broken',
      match: null,
      firstDifference: null,
      error: { code: 'NETWORK_MALFORMED', cause: expect.any(String) },
    });
  });

  it('reports a network whose sums could overflow', async () => {
    const folder = join(scratch, 'overflow', 'wide');
    mkdirSync(folder, { recursive: true });
    const conv = {
      name: 'conv',
      op: 'conv2d',
      in_shape: [64, 64, 1],
      out_channels: 1,
      kernel: 1,
      stride: 1,
      padding: 0,
      pool: 0,
      relu: true,
      edges: 1,
      weight_exponent: -7,
      below_threshold: 'zero',
      shifts: { activation: 7, score: 10 },
    };
    const linear = {
      name: 'fc',
      op: 'linear',
      in_features: 4096,
      out_features: 2,
      relu: false,
      edges: 8192,
      weight_exponent: -7,
      below_threshold: 'zero',
      shifts: { activation: 10, error: 5, score: 10 },
    };
    const checksums = { input: 0, delta: 0, state: 0 };
    const step = { label: 0, logits: [0, 0], loss_gradient: [0, 0], layers: [checksums, checksums] };
    const json = {
      name: 'wide',
      method: 'priot',
      threshold: -64,
      checksum: 'fnv1a32',
      input_exponent: -7,
      loss_shift: 4,
      layers: [conv, linear],
      steps: [step],
    };
    writeFileSync(join(folder, 'case.json'), JSON.stringify(json));
    for (const name of ['weights', 'state-init', 'state-final'])
      writeFileSync(join(folder, `${name}.bin`), Buffer.alloc(8193));
    writeFileSync(join(folder, 'scored.bin'), Buffer.alloc(8193, 1));
    writeFileSync(join(folder, 'images.bin'), Buffer.alloc(4096));
    const result = await verify('--cases', join(scratch, 'overflow'));
    expect(result.stderr).toMatch(/layer 1/);
    expect(result.status).toBe(5);
  });
});
