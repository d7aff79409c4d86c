import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSmallNetwork } from '../network/small-network.js';
import { openEmulatorPty } from '../serial/pty.js';
import { callCli, runCli } from './run-cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-places-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const metrics = (run: string) => readFileSync(join(run, 'metrics.jsonl'), 'utf8');
const steps = (run: string) => metrics(run).match(/^{"type":"step".*$/gm);

describe('one session on the emulated Pico and in the simulator', () => {
  const emulated = join(scratch, 'emulated');
  let summary: Record<string, unknown>;
  beforeAll(async () => {
    const model = writeSmallNetwork(join(scratch, 'model'));
    const asked = ['--model', model, '--dataset', 'digits', '--samples', '8', '--epochs', '2', '--eval-samples', '4'];
    const result = await callCli(['train', '--device', 'emulator', ...asked, '--out', emulated, '--json']);
    expect(result.status, result.stderr).toBe(0);
    summary = JSON.parse(result.stdout);
  });

  it('is counted in cycles and bytes on the emulated Pico', () => {
    expect(summary).toMatchObject({ place: 'emulated', steps: 16 });
    const { min, median, mean, max } = summary.cyclesPerStep as Record<string, number>;
    expect(min).toBeGreaterThan(10_000);
    for (const [lower, upper] of [
      [min, median],
      [median, max],
      [min, mean],
      [mean, max],
    ]) {
      expect(lower).toBeLessThanOrEqual(upper!);
    }
    expect(summary.deviceIdleShare).toBeGreaterThan(0);
    expect(summary.deviceIdleShare).toBeLessThan(0.5);
    const memory = metrics(emulated).trim().split('\n').at(-1)!;
    expect(JSON.parse(memory)).toMatchObject({ type: 'memory', arena: { state: 1480 } });
    expect(readFileSync(join(emulated, 'console.log'), 'utf8')).toMatch(/priot/);
    const { provenance } = JSON.parse(readFileSync(join(emulated, 'run.json'), 'utf8'));
    expect(provenance.device).toMatchObject({ kind: 'emulator', emulator: expect.stringMatching(/^rp2040js \d/) });
  });

  it('ends with the same learned state', async () => {
    const args = [
      'train',
      '--from-run',
      emulated,
      '--device',
      'simulator',
      '--out',
      join(scratch, 'simulated'),
      '--json',
    ];
    const result = await callCli(args);
    expect(JSON.parse(result.stdout)).toMatchObject({ place: 'simulated', stateDigest: summary.stateDigest });
  });

  it('ends with it behind a pseudo-terminal too, through the real serialport, and is still emulated', async () => {
    const emulator = await openEmulatorPty();
    try {
      const out = join(scratch, 'pty');
      const result = await callCli([
        'train',
        '--from-run',
        emulated,
        '--device',
        emulator.path,
        '--out',
        out,
        '--json',
      ]);
      expect(result.status, result.stderr).toBe(0);
      expect(JSON.parse(result.stdout)).toMatchObject({ place: 'emulated', stateDigest: summary.stateDigest });
    } finally {
      await emulator.close();
    }
  });

  it('takes the same cycles when it is repeated', async () => {
    const again = join(scratch, 'again');
    await callCli(['train', '--from-run', emulated, '--out', again]);
    // but for the seconds of this computer
    const counted = (folder: string) => metrics(folder).replaceAll(/,"wallSeconds":[^}]*/g, '');
    expect(counted(again)).toBe(counted(emulated));
  });

  it('learns the same when it is interrupted and resumed, in the same place only', async () => {
    const cut = join(scratch, 'cut');
    let interrupted = false;
    const first = await runCli(['train', '--from-run', emulated, '--out', cut], {
      onStderr: (stderr, child) => {
        if (interrupted || !stderr.includes('epoch 1/2:')) return;
        interrupted = true;
        child.kill('SIGINT');
      },
    });
    expect(first.status, first.stderr).toBe(130);
    const elsewhere = await callCli(['train', '--resume', cut, '--device', 'simulator']);
    expect(elsewhere.status).toBe(2);
    expect(elsewhere.stderr).toMatch(/was begun emulated, simulator is simulated: cycles would mix/);
    const second = await callCli(['train', '--resume', cut, '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject({ steps: 16, stateDigest: summary.stateDigest });
    // A device that was started anew may take other cycles for the same step, but learns the same.
    const withoutCycles = (run: string) => steps(run)?.map((line) => line.replace(/"cycles":\d+/, ''));
    expect(withoutCycles(cut)).toEqual(withoutCycles(emulated));
  });
});
