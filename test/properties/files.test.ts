import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { PriotError } from '#host/errors.js';
import { loadCase } from '#host/network/conformance-case.js';
import { loadNetwork, parseNetwork } from '#host/network/network-file.js';
import { openNetworkRequest } from '#host/network/open-network.js';
import { readManifest } from '#host/runs/run-folder.js';
import { sampleManifest } from '../runs/sample-run.js';
import { Board } from '../session/board.js';
import { damaged } from './json-damage.js';

const strided = join(import.meta.dirname, '../conformance/niti-dynamic-strided');
const caseJson: unknown = JSON.parse(readFileSync(join(strided, 'case.json'), 'utf8'));
const { layers, input_exponent, loss_shift } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../conformance/priot-strided/case.json'), 'utf8'),
);
const networkJson = { layers, input_exponent, loss_shift };

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'priot-properties-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What `work` returns, or undefined when it fails with an error of ours. */
function orRefuses<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(PriotError);
    return undefined;
  }
}

test('a damaged network is refused by the host, or opened or refused by the device, which goes on', () => {
  const board = new Board();
  let opened = 0;
  fc.assert(
    fc.property(
      damaged(networkJson),
      fc.constantFrom('priot', 'niti-static', 'niti-dynamic', 'priot-s'),
      (json, method) => {
        const edges = (json as { layers?: { edges?: unknown }[] }).layers;
        const bytes = Array.isArray(edges) ? edges.reduce((sum, layer) => sum + sizeOf(layer), 0) : 0;
        const scored = new Uint8Array(bytes).fill(1);
        const request = orRefuses(() =>
          openNetworkRequest(parseNetwork(json, { weights: new Uint8Array(bytes) }), {
            method,
            threshold: -64,
            mu: 5,
            scored,
          }),
        );
        if (!request) return;
        const reply = board.ask({ openNetwork: request });
        expect(['memoryPlan', 'failure']).toContain(reply.kind);
        if (reply.kind === 'failure') expect(reply.body.code).toBeGreaterThan(0);
        else opened++;
        expect(board.isAlive()).toBe(true);
      },
    ),
    { numRuns: 1500 },
  );
  expect(opened).toBeGreaterThan(0);
});

function sizeOf(layer: { edges?: unknown } | null): number {
  const edges = layer?.edges;
  return typeof edges === 'number' && edges > 0 && edges < 2 ** 20 ? Math.floor(edges) : 0;
}

test('a network or case whose JSON is damaged is read or refused', () => {
  const folder = temporaryFolder();
  cpSync(strided, folder, { recursive: true });
  fc.assert(
    fc.property(damaged(caseJson), (json) => {
      writeFileSync(join(folder, 'case.json'), JSON.stringify(json));
      orRefuses(() => loadCase(folder));
      orRefuses(() => loadNetwork(folder));
    }),
    { numRuns: 300 },
  );
});

test('a case with a file that is cut, grown or overwritten is read or refused', () => {
  const folder = temporaryFolder();
  cpSync(strided, folder, { recursive: true });
  const files = fc.constantFrom(...readdirSync(strided));
  fc.assert(
    fc.property(files, fc.nat(30_000), fc.uint8Array({ maxLength: 20 }), (name, at, bytes) => {
      const sound = readFileSync(join(strided, name));
      const place = at % (sound.length + 1);
      const whole = Buffer.concat([sound.subarray(0, place), bytes, sound.subarray(place + bytes.length)]);
      for (const damagedFile of [whole, whole.subarray(0, place + bytes.length), Buffer.concat([sound, bytes])]) {
        writeFileSync(join(folder, name), damagedFile);
        orRefuses(() => loadCase(folder));
      }
      writeFileSync(join(folder, name), sound);
    }),
    { numRuns: 200 },
  );
});

test('a run whose run.json is damaged is read or refused', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'run.json');
  fc.assert(
    fc.property(damaged(sampleManifest()), (json) => {
      writeFileSync(path, JSON.stringify(json));
      orRefuses(() => readManifest(folder));
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      writeFileSync(path, bytes);
      expect(orRefuses(() => readManifest(folder))).toBeUndefined();
    }),
  );
});
