/** A user's own network, from its architecture to a session on the emulated Pico (docs/networks.md). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callCli } from '../cli/run-cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-own-network-'));
afterAll(() => rmSync(scratch, { recursive: true }));

async function run(...words: string[]): Promise<Record<string, unknown>> {
  const result = await callCli([...words, '--dataset', 'digits', '--json']);
  if (result.status !== 0) throw new Error(`priot ${words.join(' ')}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

describe.each([
  // 105,744 edges: weights and scores together are more than the SRAM
  { name: 'wide-cnn', edges: 105_744, weightsIn: 'flash' },
  { name: 'strided-cnn', edges: 200 + 3200 + 784 * 32 + 320, weightsIn: 'SRAM' },
])('$name', ({ name, edges, weightsIn }) => {
  const model = join(scratch, name);

  it('goes from priot pretrain to priot train, alike on emulator and simulator', async () => {
    const architecture = join(import.meta.dirname, `../../models/architectures/${name}.json`);
    const small = ['--samples', '256', '--mu', '5,4', '--batch-size', '32'];
    expect(await run('pretrain', '--architecture', architecture, ...small, '--out', model)).toMatchObject({ edges });
    const session = ['--model', model, '--samples', '8', '--eval-samples', '2', '--calibrate', 'transfer'];
    const places = ['emulator', 'simulator'];
    const [emulated, simulated] = await Promise.all(
      places.map((device) => run('train', '--device', device, ...session, '--out', join(scratch, `${name}-${device}`))),
    );
    expect(emulated).toMatchObject({ place: 'emulated', steps: 8, stateDigest: simulated!.stateDigest });
    expect(emulated!.accuracy).toEqual(simulated!.accuracy);
    const metrics = readFileSync(join(scratch, `${name}-emulator`, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const events = metrics.map((line) => JSON.parse(line));
    expect(events.some(({ type, lossZero }) => type === 'step' && lossZero === false)).toBe(true);
    const { arena } = events.find(({ type }) => type === 'memory');
    expect(arena.state).toBeGreaterThanOrEqual(edges);
    expect(arena.weights >= edges ? 'SRAM' : 'flash').toBe(weightsIn);
  });
});
