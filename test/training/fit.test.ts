import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '#host/link/connection.js';
import { loadOutline } from '#host/network/layers-file.js';
import { openDevice } from '#host/sessions/open-device.js';
import { fitOf } from '#host/training/fit.js';

const root = join(import.meta.dirname, '../..');
const tinyCnn = join(root, 'models/tiny-cnn-mnist');
const scratch = mkdtempSync(join(tmpdir(), 'priot-fit-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function architecture(layers: object[]): string {
  const path = join(scratch, 'net.json');
  writeFileSync(path, JSON.stringify({ name: 'net', input_shape: [28, 28, 1], layers }));
  return path;
}

describe('an outline', () => {
  it('is read from a folder, from its JSON with or without the weights beside it, and from an architecture', () => {
    const folder = loadOutline(tinyCnn);
    expect(folder).toMatchObject({ kind: 'network', weights: true });
    expect(loadOutline(join(tinyCnn, 'network.json'))).toEqual(folder);
    const alone = join(scratch, 'network.json');
    writeFileSync(alone, readFileSync(join(tinyCnn, 'network.json')));
    const { network, ...rest } = loadOutline(alone);
    expect(rest).toEqual({ kind: 'network', weights: false });
    expect(network.layers).toEqual(folder.network.layers);
    expect(network.weights).toEqual(new Int8Array(folder.network.weights.length));
    const tiny = loadOutline(join(root, 'models/architectures/tiny-cnn.json'));
    expect(tiny).toMatchObject({ kind: 'architecture', weights: false });
    expect(tiny.network.layers.map(({ edges }) => edges)).toEqual(folder.network.layers.map(({ edges }) => edges));
  });

  it('names what is missing or wrong', () => {
    expect(() => loadOutline('/nowhere.json')).toThrow(/no such file or folder: \/nowhere\.json/);
    const dense = architecture([{ name: 'fc', op: 'dense', out_features: 10 }]);
    expect(() => loadOutline(dense)).toThrow(/net\.json: layer fc: op is "dense".*a fully connected layer is linear/);
  });
});

describe('the fit of a network', () => {
  let connection: Connection;
  beforeAll(async () => {
    connection = await openDevice({ device: 'simulator' });
  });
  afterAll(() => connection.close());

  it.each(['priot', 'priot-s', 'niti-static', 'niti-dynamic'] as const)('is a plan for %s', async (method) => {
    const { network } = loadOutline(join(root, 'models/architectures/tiny-cnn.json'));
    const fit = await fitOf(connection.link, network, method);
    expect(fit).toMatchObject({ method, fits: true, reason: null });
    expect(fit.plan!.requiredBytes).toBeGreaterThan(10_000);
    expect(fit.plan!.requiredBytes).toBeLessThanOrEqual(fit.plan!.arenaBytes);
  });

  it('says what a network too large would need', async () => {
    const { network } = loadOutline(tinyCnn);
    const fit = await fitOf(connection.link, network, 'priot', 50_000);
    expect(fit.fits).toBe(false);
    expect(fit.reason).toMatch(/the network needs [\d,]+ bytes and the device has 50,000 \(weights .*, state 52,040/);
    expect(fit.plan!.requiredBytes).toBeGreaterThan(50_000);
    // and the device takes another one afterwards
    expect((await fitOf(connection.link, network, 'priot')).fits).toBe(true);
  });

  it('says what the device does not take at all', async () => {
    const { network } = loadOutline(architecture([{ name: 'fc', op: 'linear', out_features: 10 }]));
    const link = Object.create(connection.link, {
      hello: { value: { ...connection.link.hello, maxEdges: 7_839, maxMapElements: 783 } },
    });
    const fit = await fitOf(link, network, 'niti-dynamic');
    expect(fit).toMatchObject({ fits: false, plan: null });
    expect(fit.reason).toBe('the network has 7,840 edges; the device takes at most 7,839');
  });
});
