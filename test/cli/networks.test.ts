/** The commands about networks: plan, pretrain, calibrate. */
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callCli, runCli } from './run-cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'priot-networks-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const architectureOf = (name: string, layers: object[]): string => {
  const path = join(scratch, name);
  writeFileSync(path, JSON.stringify({ name: 'net', input_shape: [28, 28, 1], layers }));
  return path;
};
const small = architectureOf('small.json', [
  { name: 'conv', op: 'conv2d', out_channels: 4, kernel: 3, stride: 2, pool: 2, relu: true },
  { name: 'fc', op: 'linear', out_features: 10 },
]);
const pretrain = (...args: string[]) => ['pretrain', '--dataset', 'digits', '--architecture', small, ...args];

describe('priot plan', () => {
  it('tells bytes by purpose for every method, on the Pico and in the simulator', async () => {
    const { status, stdout } = await callCli(['plan', 'models/tiny-cnn-mnist', '--json']);
    expect(status).toBe(0);
    const { devices, ...network } = JSON.parse(stdout);
    expect(network).toMatchObject({ layers: 4, edges: 52_040, biases: 0, assumedShifts: false });
    expect(devices.map(({ device, place }: Record<string, string>) => [device, place])).toEqual([
      ['emulator', 'emulated'],
      ['simulator', 'simulated'],
    ]);
    for (const { clockHz, arenaBytes, methods } of devices) {
      expect(methods.map(({ method }: { method: string }) => method)).toEqual([
        'priot',
        'priot-s',
        'niti-static',
        'niti-dynamic',
      ]);
      for (const { fits, reason, requiredBytes, arena, estimatedCycles } of methods) {
        expect([fits, reason]).toEqual([true, null]);
        const sum = Object.values<number>(arena).reduce((all, bytes) => all + bytes, 0);
        expect(sum).toBe(requiredBytes);
        expect(requiredBytes).toBeLessThan(arenaBytes);
        // the simulator has no cycles to estimate
        expect(estimatedCycles === null).toBe(clockHz === null);
      }
    }
  });

  it('is a table of at most 80 columns', async () => {
    const { stdout } = await callCli(['plan', 'models/tiny-cnn-mnist', '--device', 'emulator']);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/^emulator \(emulated\) +priot +priot-s +niti-static +niti-dynamic$/m);
    expect(stdout).toMatch(/^fits +yes +yes +yes +yes$/m);
    expect(stdout).toMatch(/^ {2}state +52,040 /m);
  });

  it('says that a network is too large, and by how much', async () => {
    const large = architectureOf('large.json', [
      { name: 'fc1', op: 'linear', out_features: 512, relu: true },
      { name: 'fc2', op: 'linear', out_features: 10 },
    ]);
    const { status, stdout } = await callCli(['plan', large, '--device', 'emulator', '--method', 'priot', '--json']);
    expect(status).toBe(0);
    const [device] = JSON.parse(stdout).devices;
    expect(device.methods[0]).toMatchObject({ method: 'priot', fits: false, estimatedCycles: null });
    expect(device.methods[0].requiredBytes).toBeGreaterThan(device.arenaBytes);
    expect(device.methods[0].reason).toMatch(/^the network needs [\d,]+ bytes and the device has [\d,]+ \(weights /);
  });
});

describe('priot pretrain', () => {
  it('takes a number of epochs, and refuses it beside a list of steps', async () => {
    const out = join(scratch, 'epochs');
    const { status, stdout, stderr } = await callCli(
      pretrain('--samples', '640', '--epochs', '3', '--out', out, '--json'),
    );
    expect(stderr).not.toMatch(/warning/);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ model: out, edges: 36 + 4 * 36 * 10, images: 2000 });
    const list = join(scratch, 'list');
    await callCli(pretrain('--samples', '640', '--mu', '5,2,1', '--out', list, '--quiet'));
    expect(readFileSync(join(list, 'weights.bin'))).toEqual(readFileSync(join(out, 'weights.bin')));
    const both = await callCli(pretrain('--epochs', '3', '--mu', '5,2,1', '--out', join(scratch, 'both')));
    expect(both.status).toBe(2);
    expect(both.stderr).toMatch(/--mu <list>' cannot be used with option '--epochs <n>'/);
  });

  it('is stopped by Ctrl-C, goes on, and ends in the same network', async () => {
    const options = ['--samples', '1280', '--epochs', '8', '--seed', '7'];
    const whole = join(scratch, 'whole');
    expect((await callCli(pretrain(...options, '--out', whole, '--quiet'))).status).toBe(0);
    const out = join(scratch, 'stopped');
    const saved = `${out}.pretraining.json`;
    const watcher = new AbortController();
    const first = await runCli(pretrain(...options, '--out', out), {
      onStart(child) {
        // it is there once the first epoch is done
        watch(scratch, watcher, (_, name) => {
          if (name === basename(saved) && !child.killed) child.kill('SIGINT');
        });
      },
    });
    watcher.abort();
    expect(first.status).toBe(130);
    expect(first.stderr).toContain(`interrupted; ${saved} holds what it needs to go on`);
    expect(first.stderr).toContain(`priot pretrain --resume ${out}`);
    expect([existsSync(out), existsSync(saved)]).toEqual([false, true]);

    const again = await callCli(pretrain(...options, '--out', out));
    expect(again.status).toBe(2);
    expect(again.stderr).toMatch(/is an interrupted pretraining of/);

    const second = await callCli(['pretrain', '--resume', out]);
    expect(second.stderr).not.toMatch(/error/);
    expect(second.status).toBe(0);
    expect([existsSync(out), existsSync(saved)]).toEqual([true, false]);
    expect(readFileSync(join(out, 'weights.bin'))).toEqual(readFileSync(join(whole, 'weights.bin')));
    const { provenance, ...network } = JSON.parse(readFileSync(join(out, 'network.json'), 'utf8'));
    const { provenance: _, ...expected } = JSON.parse(readFileSync(join(whole, 'network.json'), 'utf8'));
    expect(network).toEqual(expected);
    expect(provenance.command).toMatch(/^priot pretrain .*--seed=7/);
  });

  it('warns before it trains what will not fit a Pico', async () => {
    const large = architectureOf('wide.json', [
      { name: 'fc1', op: 'linear', out_features: 400, relu: true },
      { name: 'fc2', op: 'linear', out_features: 10 },
    ]);
    const out = join(scratch, 'wide');
    // an epoch of this network takes long, and it has begun when Ctrl-C is heard
    let warned = false;
    const { status, stderr } = await runCli(
      ['pretrain', '--dataset', 'digits', '--architecture', large, '--samples', '6400', '--epochs', '9', '--out', out],
      {
        onStderr(text, child) {
          if (!warned && /^ {2}priot: .*\n/m.test(text)) warned = child.kill('SIGINT');
        },
      },
    );
    expect(status).toBe(130);
    expect(stderr).toMatch(
      /^warning: this network will not fit a Pico with .*priot plan .*wide\.json has the account/m,
    );
    expect(stderr).toMatch(/^ {2}priot: the network needs [\d,]+ bytes and the device has/m);
  });
});

describe('priot calibrate', () => {
  it('prints the shifts as a table, and as JSON under --json', async () => {
    const model = join(scratch, 'epochs');
    const options = ['calibrate', '--model', model, '--dataset', 'digits', '--samples', '100'];
    const text = await callCli([...options, '--out', join(scratch, 'text')]);
    expect(text.stdout).toMatch(
      /^layer +activation +error +score +gradient\nconv +\d+ +- +\d+ +\d+\nfc +\d+ +\d+ +\d+ +\d+$/m,
    );
    const json = await callCli([...options, '--out', join(scratch, 'json'), '--json']);
    expect(JSON.parse(json.stdout).layers[1]).toMatchObject({ name: 'fc', activation: expect.any(Number) });
  });
});
