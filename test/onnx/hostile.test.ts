import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PriotError } from '#host/errors.js';
import { parseOnnx } from '#host/network/onnx/read-onnx.js';
import { decode, encode, messages, text } from '#host/network/onnx/wire.js';
import { dialects } from './dialects.js';
import { model } from './model.js';

const noExternal = () => {
  throw new PriotError('ONNX_EXTERNAL_DATA', 'not in this test', 'data');
};

/** Reads a file that may be anything: a network, or an error with a code; nothing else, and no more memory than it is worth. */
function survives(file: Uint8Array): void {
  const before = process.memoryUsage.rss();
  try {
    parseOnnx(file, noExternal);
  } catch (error) {
    if (!(error instanceof PriotError)) throw error;
    expect(error.code).toMatch(/^ONNX_/);
    expect(error.message.length).toBeLessThan(1000);
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(1.5e9);
}

const small = Object.values(dialects).map(({ spec }) => model(spec));
const anyFile = fc.constantFrom(...small, readFileSync(new URL('fixtures/ds-cnn.onnx', import.meta.url)));

const damage = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), value: fc.nat(64) }),
  fc.record({ kind: fc.constant('copy' as const), at: fc.nat(), value: fc.nat(200) }),
  fc.record({ kind: fc.constant('huge' as const), at: fc.nat(), value: fc.constantFrom(5, 9, 10) }),
);
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(file: Uint8Array, { kind, at, value }: Damage): Uint8Array {
  const place = at % file.length;
  const [head, tail] = [file.subarray(0, place), file.subarray(place)];
  if (kind === 'flip') return Uint8Array.from(file, (byte, i) => (i === place ? byte ^ value : byte));
  if (kind === 'cut') return Buffer.concat([head, tail.subarray(value)]);
  if (kind === 'copy') return Buffer.concat([head, tail.subarray(0, value), tail]);
  // a length or a side of up to 2^63
  return Buffer.concat([head, Buffer.alloc(value - 1, 0xff), Buffer.from([0x7f]), tail.subarray(1)]);
}

describe('a file from anywhere is a network or an error with a code', () => {
  test('damaged files', () => {
    fc.assert(
      fc.property(anyFile, fc.array(damage, { minLength: 1, maxLength: 4 }), (file, changes) => {
        survives(changes.reduce(damaged, file));
      }),
      { numRuns: 600 },
    );
  });

  test('truncated files', () => {
    fc.assert(
      fc.property(anyFile, fc.nat(), (file, length) => survives(file.subarray(0, length % file.length))),
      { numRuns: 200 },
    );
  });

  test('bytes that are nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), survives), { numRuns: 300 });
  });

  test('a field that claims a thousand million nodes, or groups within groups', () => {
    survives(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0a, 0x00));
    survives(new Uint8Array(2_000_000).fill(0x1b));
  });

  test('millions of empty nodes: refused before they become objects', () => {
    const nodes = new Uint8Array(2 * 8_000_000);
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a;
    const file = Buffer.concat([Uint8Array.of(0x3a, 0x80, 0xc8, 0xd0, 0x07), nodes]);
    expect(() => parseOnnx(file, noExternal)).toThrow('too many fields');
  });

  test('a chain of twenty thousand nodes, given backwards, is ordered without exhausting the stack', () => {
    const count = 19_999;
    const chain = Array.from({ length: count }, (_, i) => ['Relu', [`v${i}`], [`v${i + 1}`]] as const).reverse();
    const file = model({ input: [1, 36], inputName: 'v0', nodes: chain, outputs: [`v${count}`] });
    expect(() => parseOnnx(file, noExternal)).toThrow('neither convolutions nor linear layers');
  });
});

test('what is written is read back, and what a schema does not name is passed over', () => {
  const wide = { name: text(1), other: text(2), parts: messages(3, { name: text(1), more: text(9) }) };
  const narrow = { name: text(1), parts: messages(3, { name: text(1) }) };
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.array(fc.string()), (name, other, parts) => {
      const file = encode(wide, { name, other, parts: parts.map((part) => ({ name: part, more: other })) });
      const value = decode(narrow, file, { fields: 1000, numbers: 0 });
      const lossy = (s: string): string => Buffer.from(s).toString();
      expect(value).toEqual({ name: lossy(name), parts: parts.map((part) => ({ name: lossy(part) })) });
    }),
  );
});
