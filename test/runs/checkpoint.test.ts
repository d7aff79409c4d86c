import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '#host/runs/checkpoint.js';
import { RunFolder } from '#host/runs/run-folder.js';
import { sampleManifest, temporaryFolder } from './sample-run.js';

const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.record(
  {
    nextStep: fc.nat(0xffffffff),
    sessionId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    state: fc.uint8Array({ maxLength: 300 }),
    best: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  { requiredKeys: ['nextStep', 'sessionId', 'state'] },
);

const refused = expect.objectContaining({
  class: 'data',
  remedy: expect.stringMatching(/delete state.bin|resume with/),
});

test('round trip', () => {
  fc.assert(
    fc.property(anyCheckpoint, (checkpoint) => {
      expect(decodeCheckpoint(encodeCheckpoint(checkpoint), 'state.bin')).toEqual(checkpoint);
    }),
  );
});

test('any byte changed is refused', () => {
  fc.assert(
    fc.property(anyCheckpoint, fc.nat(), fc.integer({ min: 1, max: 255 }), (checkpoint, at, change) => {
      const bytes = encodeCheckpoint(checkpoint);
      bytes[at % bytes.length]! ^= change;
      expect(() => decodeCheckpoint(bytes, 'state.bin')).toThrow(refused);
    }),
  );
});

test('every truncation, and bytes too many, are refused', () => {
  const bytes = encodeCheckpoint({ nextStep: 5, sessionId: new Uint8Array(8), state: new Uint8Array(40).fill(127) });
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeCheckpoint(bytes.subarray(0, length), 'state.bin')).toThrow(refused);
  }
  expect(() => decodeCheckpoint(Buffer.concat([bytes, Buffer.alloc(1)]), 'state.bin')).toThrow(refused);
});

test('foreign bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => decodeCheckpoint(bytes, 'state.bin')).toThrow(refused);
    }),
  );
});

test('a folder gives back the last checkpoint, or none', () => {
  const path = join(temporaryFolder(), 'run');
  const folder = RunFolder.create(path, sampleManifest());
  expect(folder.readCheckpoint()).toBeUndefined();
  const checkpoint = {
    nextStep: 9,
    sessionId: new Uint8Array(8).fill(1),
    state: Uint8Array.of(129, 0, 127),
    best: 0.5,
  };
  folder.writeCheckpoint({ ...checkpoint, nextStep: 8 });
  folder.writeCheckpoint(checkpoint);
  expect(folder.readCheckpoint()).toEqual(checkpoint);
  rmSync(join(path, 'state.bin'));
  expect(folder.readCheckpoint()).toBeUndefined();
  folder.close();
});
