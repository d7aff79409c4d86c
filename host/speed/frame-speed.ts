/** How fast the host frames and unframes training steps. */
import { crc32 } from 'node:zlib';
import { encodeFrame, FrameDecoder } from '#host/link/frame.js';
import { repeatFor } from './repeat-for.js';

export interface FrameSpeed {
  /** Megabytes of payload per second of one core. */
  readonly encodeMegabytes: number;
  readonly decodeMegabytes: number;
  /** Megabytes per second of the library's CRC-32 alone, in the same run. */
  readonly crcMegabytes: number;
}

const FRAMES = 256;
/** A step of an MNIST image: 28 x 28 and the message around it. */
const PAYLOAD_BYTES = 821;
/** One byte in five is not zero, as in MNIST images; in runs, as there. */
const RUN_BYTES = 24;

function samplePayload(seed: number): Uint8Array {
  return Uint8Array.from({ length: PAYLOAD_BYTES }, (_, at) =>
    Math.floor((at + seed * 7) / RUN_BYTES) % 5 === 0 ? 1 + ((at * 31 + seed) % 127) : 0,
  );
}

export function measureFrameSpeed(): FrameSpeed {
  const payloads = Array.from({ length: FRAMES }, (_, seed) => samplePayload(seed));
  const encoded = payloads.map(encodeFrame);
  const decoder = new FrameDecoder();
  const megabytes = <T>(inputs: readonly T[], work: (input: T) => unknown) => {
    const perSecond = repeatFor(() => {
      for (const input of inputs) work(input);
    });
    return (perSecond * FRAMES * PAYLOAD_BYTES) / 1e6;
  };
  return {
    encodeMegabytes: megabytes(payloads, encodeFrame),
    decodeMegabytes: megabytes(encoded, (frame) => decoder.push(frame)),
    crcMegabytes: megabytes(payloads, (payload) => crc32(payload)),
  };
}
