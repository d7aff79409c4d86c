import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder } from '#host/link/frame.js';
import { PROTOCOL_VERSION } from '#host/link/messages.js';
import { BOOT_ID, Board, encode, FailureCode, frame, type Reply, randomBytes } from './board.js';

const hello = encode(9, { hello: { protocolVersion: PROTOCOL_VERSION } });

/** A Hello that carries `padding` in a field the device does not know. */
function paddedHello(padding: Uint8Array): Uint8Array {
  const length = padding.length;
  const header = [0xa2, 0x06, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]; // field 100, bytes
  return Uint8Array.from([...hello, ...header, ...padding]);
}

function isHello(reply: Reply | undefined): boolean {
  return reply?.kind === 'hello' && reply.requestId === 9 && reply.body.bootId === BOOT_ID;
}

function code(reply: Reply | undefined): number | undefined {
  return reply?.kind === 'failure' ? reply.body.code : undefined;
}

describe('frames', () => {
  it('are read and written alike by firmware, host and an independent codec', () => {
    const board = new Board();
    const decoder = new FrameDecoder(8192);
    for (const length of [0, 1, 240, 250, 251, 252, 253, 254, 255, 256, 507, 508, 509, 510, 1000, 4000]) {
      for (const padding of [new Uint8Array(length), new Uint8Array(length).fill(7), randomBytes(length + 1, length)]) {
        const payload = paddedHello(padding);
        const encoded = frame(payload);
        expect(decoder.push(encoded)).toEqual([payload]);
        for (const bytes of [encoded, encodeFrame(payload)]) {
          const replies = board.feed(bytes);
          expect(replies).toHaveLength(1);
          expect(isHello(replies[0])).toBe(true);
        }
      }
    }
  });

  it('may come in any pieces, several at once, after idle zeros', () => {
    const board = new Board();
    const stream = Uint8Array.from([
      0,
      0,
      ...frame(hello),
      ...frame(hello),
      0,
      ...frame(paddedHello(randomBytes(5, 700))),
    ]);
    expect(board.feed(stream).map(isHello)).toEqual([true, true, true]);
    const replies: Reply[] = [];
    for (const byte of stream) replies.push(...board.feed(Uint8Array.of(byte)));
    expect(replies.map(isHello)).toEqual([true, true, true]);
  });

  it('cost one frame for any one bad byte', () => {
    const board = new Board();
    const encoded = frame(hello);
    for (let position = 0; position < encoded.length; position++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = encoded.slice();
        damaged[position]! ^= flip;
        // A delimiter lost or made touches the frame next to it.
        const replies = board.feed(Uint8Array.from([...damaged, ...frame(hello), ...frame(hello)]));
        expect(isHello(replies.at(-1))).toBe(true);
        const failures = replies.filter((reply) => !isHello(reply));
        expect(failures.length).toBeGreaterThan(0);
        for (const failure of failures) {
          expect(code(failure)).toBe(FailureCode.FAILURE_CODE_BAD_FRAME);
          expect(failure.requestId).toBe(0);
        }
      }
    }
  });

  it('with a wrong checksum, cut short, empty or too long are counted and answered once each', () => {
    const board = new Board();
    const bad = [
      frame(hello, 0x12345678), // CRC
      Uint8Array.of(...frame(hello).subarray(0, 5), 0), // cut within a block
      Uint8Array.of(3, 1, 2, 0), // no room for a CRC
      frame(paddedHello(randomBytes(3, 4300))), // too long
      frame(paddedHello(new Uint8Array(20_000))), // much too long, all zero
      Uint8Array.from([...new Uint8Array(100_000).fill(255), 0]),
    ];
    for (const bytes of bad) {
      const replies = board.feed(bytes);
      expect(replies.map(code)).toEqual([FailureCode.FAILURE_CODE_BAD_FRAME]);
      expect(board.isAlive()).toBe(true);
    }
    const { body } = board.ask({ readStatistics: {} });
    expect(body.crcErrors).toBe(1);
    expect(body.malformedFrames).toBe(5);
    expect(body.framesReceived).toBe(7);
    expect(body.framesSent).toBe(12);
  });

  it('take the longest frame the device promises, and none longer', () => {
    const board = new Board();
    const { maxFrameBytes } = board.ask({ hello: { protocolVersion: PROTOCOL_VERSION } }).body;
    const fitting = maxFrameBytes - 4 - paddedHello(new Uint8Array(0)).length;
    for (const fill of [0, 1]) {
      expect(isHello(board.feed(frame(paddedHello(new Uint8Array(fitting).fill(fill))))[0])).toBe(true);
      const tooLong = board.feed(frame(paddedHello(new Uint8Array(fitting + 1).fill(fill))));
      expect(tooLong.map(code)).toEqual([FailureCode.FAILURE_CODE_BAD_FRAME]);
    }
  });

  it('survive random bytes: the next good frame is answered', () => {
    const board = new Board();
    for (let seed = 1; seed <= 200; seed++) {
      board.feed(randomBytes(seed, 1 + ((seed * 97) % 6000)));
      const replies = board.feed(Uint8Array.from([0, ...frame(hello)]));
      expect(isHello(replies.at(-1))).toBe(true);
    }
  });
});
