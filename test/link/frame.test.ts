import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodedBytes, encodeFrame, FrameDecoder } from '#host/link/frame.js';

const payload = () => fc.uint8Array({ maxLength: 1200 });
/** Long runs without a zero and long runs of zeros: where COBS changes blocks. */
const runs = () =>
  fc
    .array(fc.tuple(fc.constantFrom(0, 1, 255), fc.integer({ min: 0, max: 600 })), { maxLength: 6 })
    .map((parts) => Uint8Array.from(parts.flatMap(([byte, count]) => new Array<number>(count).fill(byte))));
const garbage = () => fc.uint8Array({ maxLength: 40 });

function decodeAll(decoder: FrameDecoder, bytes: Uint8Array, pieceBytes: number): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += pieceBytes) payloads.push(...decoder.push(bytes.subarray(i, i + pieceBytes)));
  return payloads;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('frames', () => {
  it('match the documented bytes', () => {
    // "123456789" is the check string of CRC-32/ISO-HDLC: 0xcbf43926.
    const frame = encodeFrame(new TextEncoder().encode('123456789'));
    expect(hex(frame)).toBe(`0e${hex(new TextEncoder().encode('123456789'))}2639f4cb00`);
    // An empty payload's CRC is four zeros.
    expect(hex(encodeFrame(new Uint8Array(0)))).toBe('010101010100');
  });

  it('come back whole, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(payload(), runs()), { maxLength: 5 }),
        fc.integer({ min: 1, max: 300 }),
        (sent, piece) => {
          const decoder = new FrameDecoder();
          const received = decodeAll(decoder, Buffer.concat(sent.map(encodeFrame)), piece);
          expect(received.map(hex)).toEqual(sent.map(hex));
          expect(decoder.badFrames).toBe(0);
        },
      ),
    );
  });

  it('hold no zero but the last, and no more bytes than said', () => {
    fc.assert(
      fc.property(fc.oneof(payload(), runs()), (sent) => {
        const frame = encodeFrame(sent);
        expect(frame.indexOf(0)).toBe(frame.length - 1);
        expect(frame.length).toBeLessThanOrEqual(encodedBytes(sent.length) + 1);
      }),
    );
  });

  it('survive garbage between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(garbage(), payload()), { minLength: 1, maxLength: 4 }), (parts) => {
        const stream = Buffer.concat(parts.flatMap(([noise, sent]) => [noise, Uint8Array.of(0), encodeFrame(sent)]));
        expect(new FrameDecoder().push(stream).map(hex)).toEqual(parts.map(([, sent]) => hex(sent)));
      }),
    );
  });

  it('never yield a wrong payload when bits flip; one bad byte costs one frame', () => {
    fc.assert(
      fc.property(payload(), payload(), fc.nat(), fc.integer({ min: 0, max: 7 }), (first, second, at, bit) => {
        const damaged = encodeFrame(first).slice();
        damaged[at % (damaged.length - 1)]! ^= 1 << bit;
        const decoder = new FrameDecoder();
        const received = decoder.push(Buffer.concat([damaged, encodeFrame(second)]));
        expect(received.map(hex)).toEqual([hex(second)]);
        expect(decoder.badFrames).toBeGreaterThan(0);
      }),
    );
  });

  it('cut short are dropped, and the next one is read', () => {
    fc.assert(
      fc.property(payload(), payload(), fc.nat(), (first, second, cut) => {
        const frame = encodeFrame(first);
        const decoder = new FrameDecoder();
        const short = frame.subarray(0, 1 + (cut % (frame.length - 1)));
        const received = decoder.push(Buffer.concat([short, Uint8Array.of(0), encodeFrame(second)]));
        // Cut right before the delimiter nothing is missing.
        expect(received.map(hex)).toEqual(short.length >= frame.length - 1 ? [hex(first), hex(second)] : [hex(second)]);
      }),
    );
  });

  it('too long are counted once, and cost no more memory', () => {
    const decoder = new FrameDecoder(64);
    for (let i = 0; i < 1000; i++) expect(decoder.push(new Uint8Array(100).fill(7))).toEqual([]);
    const fits = new Uint8Array(64).fill(9);
    const tooLong = new Uint8Array(80).fill(9);
    const received = decoder.push(Buffer.concat([Uint8Array.of(0), encodeFrame(tooLong), encodeFrame(fits)]));
    expect(received.map(hex)).toEqual([hex(fits)]);
    expect(decoder.badFrames).toBe(2);
  });
});
