/** A manifest and events as a small run has them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunEvent, StepEvent } from '#host/runs/events.js';
import type { RunManifest, RunSummary } from '#host/runs/run-manifest.js';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'priot-runs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function sampleManifest(changes: Partial<RunManifest> = {}): RunManifest {
  return {
    version: 1,
    command: ['train', '--dataset', 'digits'],
    createdAt: '2026-03-01T12:00:00.000Z',
    asked: {
      model: 'tiny-cnn-mnist',
      dataset: 'digits',
      angle: 45,
      method: 'priot',
      samples: 2,
      epochs: 2,
      seed: 0,
      evalSamples: null,
      device: 'emulator',
    },
    provenance: {
      host: { priot: '0.1.0', node: 'v20.20.0', system: 'linux x64' },
      firmware: { commit: 'abc1234', compiler: 'gcc 12.2', flags: '-O2', imageSha256: '1f'.repeat(32) },
      device: {
        kind: 'emulator',
        name: 'emulator',
        boardId: '5052494f54454d55',
        clockHz: 125_000_000,
        emulator: 'rp2040js 1.4.1',
      },
      network: { files: [{ name: 'weights.bin', sha256: '2e'.repeat(32) }] },
      dataset: { source: 'generated, seed 1', files: [] },
      sessionId: '0011223344556677',
    },
    place: 'emulated',
    ...changes,
  };
}

export const sampleSummary: RunSummary = {
  run: 'runs/a',
  place: 'emulated',
  method: 'priot',
  steps: 4,
  accuracy: { before: 0.5, after: 0.75, best: 0.875 },
  stateDigest: 'ab'.repeat(32),
  cyclesPerStep: { mean: 1000, median: 1000, min: 900, max: 1100 },
  deviceIdleShare: 0.25,
  wallSeconds: 1.5,
};

export function stepEvent(step: number, changes: Partial<StepEvent> = {}): StepEvent {
  return {
    type: 'step',
    step,
    epoch: step >> 1,
    label: 3,
    prediction: 3,
    correct: true,
    lossZero: step % 2 === 1,
    cycles: 1000 + step,
    ...changes,
  };
}

export function epochEvent(epoch: number, correct: number, images = 8): RunEvent {
  return { type: 'epoch', epoch, images, correct, accuracy: correct / images, imageSet: 'digits test' };
}

/** Two epochs of two steps, with an event of every type. */
export const sampleEvents: readonly RunEvent[] = [
  {
    type: 'memory',
    sramTotal: 270_336,
    static: 20_000,
    stackHighWater: 1200,
    arena: { weights: 52_040, state: 52_040, activations: 4000, errors: 4000, other: 8000 },
    flash: 120_000,
  },
  epochEvent(-1, 4),
  stepEvent(0),
  stepEvent(1),
  epochEvent(0, 7),
  {
    type: 'cycles',
    epoch: 0,
    steps: 2,
    activeSteps: 1,
    computeCycles: 2001,
    forwardCycles: 900,
    wireCycles: 50,
    idleCycles: 10,
  },
  stepEvent(2),
  { type: 'fault', code: 'LINK_RESET', message: 'unplugged, “again”', step: 3 },
  stepEvent(3),
  epochEvent(1, 6),
  { type: 'link', frames: 20, crcErrors: 1, retries: 1, timeouts: 0, roundTripMs: 1.25 },
];
