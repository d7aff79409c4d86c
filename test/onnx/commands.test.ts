import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportOnnx, importOnnx } from '#host/index.js';
import { loadNetwork } from '#host/network/network-file.js';
import { callCli } from '../cli/run-cli.js';
import { temporaryFolder } from '../dataset/temporary-folder.js';
import { dialects } from './dialects.js';
import { model } from './model.js';
import { RuntimeModel } from './runtime.js';

const fixture = (name: string) => join(import.meta.dirname, `fixtures/${name}.onnx`);

test('the library does the same: its result is the document, its notices are events', async () => {
  const folder = temporaryFolder();
  const notices: string[] = [];
  const made = await importOnnx(
    { file: fixture('lenet5'), out: join(folder, 'net') },
    { onEvent: (event) => event.type === 'notice' && notices.push(event.text) },
  );
  expect(made.edges).toBe(61_470);
  expect(notices).toEqual(made.warnings);
  await expect(exportOnnx({ model: join(folder, 'net'), out: join(folder, 'net.onnx') })).rejects.toMatchObject({
    code: 'NETWORK_NOT_CALIBRATED',
  });
  await expect(importOnnx({ file: fixture('lenet5'), out: join(folder, 'net') })).rejects.toMatchObject({
    code: 'MODEL_EXISTS',
  });
});

test('import writes a network folder, and says what it took for granted', async () => {
  const out = join(temporaryFolder(), 'lenet5');
  const { status, stdout, stderr } = await callCli(['import', fixture('lenet5'), '--out', out, '--json']);
  expect(status).toBe(0);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ network: out, edges: 61_470, layers: 5, biases: 236, accuracy: null });
  expect(document.warnings.join()).toContain('divided by 255');
  expect(stderr).toContain('divided by 255');
  const { network } = loadNetwork(out);
  expect(network.layers.map(({ name }) => name)).toEqual(['conv1', 'conv2', 'fc1', 'fc2', 'fc3']);
  const { provenance } = JSON.parse(readFileSync(join(out, 'network.json'), 'utf8'));
  expect(provenance.onnx).toMatchObject({ file: 'lenet5.onnx', opset: 13 });
  expect(provenance.command).toMatch(/^priot import .*lenet5\.onnx --out /);
});

test('narrow weights keep the last layer whole', async () => {
  const out = join(temporaryFolder(), 'narrow');
  const { status } = await callCli(['import', fixture('lenet5'), '--out', out, '--weight-bits', '4', '--scale', '255']);
  expect(status).toBe(0);
  const { network } = loadNetwork(out);
  const last = network.layers.at(-1)!.edges;
  const largest = (weights: Int8Array) => Math.max(...weights.map(Math.abs));
  expect(largest(network.weights.subarray(0, -last))).toBe(7);
  expect(largest(network.weights.subarray(-last))).toBeGreaterThan(60);
});

test('what has no counterpart is exit status 4, and no folder is left', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'net.onnx');
  writeFileSync(file, model({ input: [1, 36], nodes: [['Tanh', ['image'], ['a'], {}, 'squash']] }));
  const { status, stderr } = await callCli(['import', file, '--out', join(folder, 'net')]);
  expect(status).toBe(4);
  expect(stderr).toContain('"squash" (Tanh, node 1 of the file)');
  expect(() => loadNetwork(join(folder, 'net'))).toThrow();
});

test.each([
  ['--mean', '0.1,0.2'],
  ['--std', '0'],
  ['--scale', '-1'],
  ['--weight-bits', '3'],
])('%s %s is wrong usage', async (option, value) => {
  const out = join(temporaryFolder(), 'net');
  const { status } = await callCli(['import', fixture('lenet5'), '--out', out, option, value]);
  expect(status).toBe(2);
});

test('a file that divides its pixels itself gets them as they are', async () => {
  const folder = temporaryFolder();
  const [spec] = Object.entries(dialects).flatMap(([name, dialect]) => (name.startsWith('CNTK') ? [dialect.spec] : []));
  const byHundreds = { ...spec!, constants: { ...spec!.constants, two: { shape: [], values: [256] } } };
  writeFileSync(join(folder, 'net.onnx'), model(byHundreds));
  const { stderr, status } = await callCli(['import', join(folder, 'net.onnx'), '--out', join(folder, 'net')]);
  expect(status).toBe(0);
  expect(stderr).toContain('given pixels of 0..255');
});

test('export writes the built-in network for any runtime, and says that it is exact', async () => {
  const out = join(temporaryFolder(), 'net.onnx');
  const { status, stdout } = await callCli(['export', '--out', out, '--json']);
  expect(status).toBe(0);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ file: out, edges: 52_040, changed: 0, inexactLayers: [] });
  const file = readFileSync(out);
  expect(document.bytes).toBe(file.length);
  const logits = await (await RuntimeModel.load(file)).run({ shape: [2, 1, 28, 28], values: new Float32Array(1568) });
  expect(logits.length).toBe(20);
});
