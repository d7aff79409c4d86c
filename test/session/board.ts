/** The simulator's WebAssembly module without its worker: bytes in, device messages out, synchronously. */
/// <reference path="../../host/src/device/simulator/webassembly.d.ts" />
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { PAGE_BYTES, SimulatedFlash } from '#host/device/simulator/simulated-flash.js';
import { PROTOCOL_VERSION } from '#host/link/messages.js';
import { priot } from '#proto';

const WASM = new URL('../../dist/simulator/priot.wasm', import.meta.url);
export const BOOT_ID = 0x1234_5678;
export const SESSION_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
export const { FailureCode, Tensor, Method } = priot;

/** Kernel, stride and padding, the same in every direction of a Layer message. */
export const square = (kernel: number, stride: number, padding: number) => ({
  kernel,
  kernelColumns: kernel,
  stride,
  strideColumns: stride,
  padding,
  paddingLeft: padding,
  paddingBottom: padding,
  paddingRight: padding,
});

/** A device message with every field of its body defaulted. */
export interface Reply {
  requestId: number;
  nextStep: number;
  windowEnd: number;
  /** Name of the oneof member: `done`, `failure`, `stepResult`. */
  kind: string;
  // Bodies are read by the tests that know which one they expect.
  // biome-ignore lint/suspicious/noExplicitAny: a test's view of a decoded message
  body: any;
}

export type Request = Omit<priot.HostMessage.$Properties, 'requestId' | 'body' | '$unknowns'>;

interface Exports {
  memory: WebAssembly.Memory;
  boot(bootId: number, resetCause: number): number;
  receiveBufferBytes(): number;
  receive(offset: number, length: number): number;
}

/** Of the slots' flash (firmware/session/checkpoint_slots.h). */
export type Flash = Pick<SimulatedFlash, 'read' | 'eraseSector' | 'program'>;

export class Board {
  restarts = 0;
  readonly #exports: Exports;
  readonly #bufferAddress: number;
  #sent: Uint8Array[] = [];
  #lastRequestId = 0;

  /** Powers it on; `flash` as an earlier one left it. */
  constructor(flash: Flash = new SimulatedFlash()) {
    const send = (address: number, length: number) => {
      this.#sent.push(new Uint8Array(this.#exports.memory.buffer, address, length).slice());
    };
    const restart = () => {
      this.restarts++;
    };
    const bytes = (address: number, length: number) => new Uint8Array(this.#exports.memory.buffer, address, length);
    const readFlash = (offset: number, address: number, length: number) => flash.read(offset, bytes(address, length));
    const eraseSector = (offset: number) => flash.eraseSector(offset);
    const programPage = (offset: number, address: number) => flash.program(offset, bytes(address, PAGE_BYTES));
    const host = { send, restart, readFlash, eraseSector, programPage };
    const instance = new WebAssembly.Instance(module, { host });
    this.#exports = instance.exports as unknown as Exports;
    this.#bufferAddress = this.#exports.boot(BOOT_ID, 0);
  }

  /** Starts the firmware anew. */
  reset(): void {
    this.#exports.boot(BOOT_ID, 0);
  }

  /** Feeds raw bytes and returns what the device answered to them. */
  feed(bytes: Uint8Array): Reply[] {
    const size = this.#exports.receiveBufferBytes();
    for (let begin = 0; begin < bytes.length; begin += size) {
      const part = bytes.subarray(begin, begin + size);
      new Uint8Array(this.#exports.memory.buffer, this.#bufferAddress, size).set(part);
      for (let taken = 0; taken < part.length; ) taken += this.#exports.receive(taken, part.length - taken);
    }
    const sent = this.#sent;
    this.#sent = [];
    return sent.map((frame) => decodeReply(unframe(frame)));
  }

  /** Asks one thing and returns its one answer. */
  ask(request: Request, requestId = ++this.#lastRequestId): Reply {
    const replies = this.feed(frame(encode(requestId, request)));
    if (replies.length !== 1) throw new Error(`${replies.length} replies instead of one`);
    if (replies[0]!.requestId !== requestId) throw new Error('a reply to something else');
    return replies[0]!;
  }

  /** True when the device answers Hello as it should. */
  isAlive(): boolean {
    const reply = this.ask({ hello: { protocolVersion: PROTOCOL_VERSION } });
    return reply.kind === 'hello' && reply.body.bootId === BOOT_ID;
  }

  /** Opens a network and uploads and commits its tensors. */
  put(openNetwork: priot.OpenNetwork.$Properties, weights: Uint8Array, state: Uint8Array): Reply {
    const plan = this.ask({ openNetwork });
    for (const [tensor, bytes] of [
      [Tensor.TENSOR_WEIGHTS, weights],
      [Tensor.TENSOR_STATE, state],
    ] as const) {
      for (let offset = 0; offset < bytes.length; offset += 1024) {
        const data = bytes.subarray(offset, offset + 1024);
        expectKind(this.ask({ writeTensor: { tensor, offset, data } }), 'done');
      }
      expectKind(this.ask({ commitTensor: { tensor } }), 'done');
    }
    return plan;
  }

  /** All bytes of a tensor. */
  read(tensor: priot.Tensor, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 1024) {
      const chunk = Math.min(1024, length - offset);
      const reply = this.ask({ readTensor: { tensor, offset, length: chunk } });
      expectKind(reply, 'tensorData');
      bytes.set(reply.body.data, offset);
    }
    return bytes;
  }
}

const module = await WebAssembly.compile(readFileSync(WASM));

function expectKind(reply: Reply, kind: string): void {
  if (reply.kind !== kind) throw new Error(`${reply.kind} instead of ${kind}: ${JSON.stringify(reply.body)}`);
}

export function encode(requestId: number, request: Request): Uint8Array {
  return priot.HostMessage.encode({ requestId, ...request } as priot.HostMessage.$Properties).finish();
}

function decodeReply(payload: Uint8Array): Reply {
  const message = priot.DeviceMessage.decode(payload);
  const kind = message.body ?? 'none';
  const plain = priot.DeviceMessage.toObject(message, { defaults: true, arrays: true });
  const { requestId, nextStep, windowEnd } = message;
  return { requestId, nextStep, windowEnd, kind, body: plain[kind] };
}

/** COBS block by block, independent of both implementations under test: a zero ends a block, so do 254 other bytes. */
export function cobs(bytes: Uint8Array): Uint8Array {
  const blocks: number[][] = [[]];
  for (const byte of bytes) {
    if (blocks.at(-1)!.length === 254) blocks.push([]);
    if (byte === 0) blocks.push([]);
    else blocks.at(-1)!.push(byte);
  }
  return Uint8Array.from(blocks.flatMap((block) => [block.length + 1, ...block]).concat(0));
}

/** A whole frame of a payload; `crc` to send a wrong one. */
export function frame(payload: Uint8Array, crc = crc32(payload)): Uint8Array {
  const bytes = new Uint8Array(payload.length + 4);
  bytes.set(payload);
  new DataView(bytes.buffer).setUint32(payload.length, crc, true);
  return cobs(bytes);
}

/** The payload of a frame; throws when the frame is not as it should be. */
export function unframe(encoded: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  if (encoded.at(-1) !== 0) throw new Error('no delimiter');
  for (let at = 0; at < encoded.length - 1; ) {
    const code = encoded[at]!;
    const block = encoded.subarray(at + 1, at + code);
    if (block.length !== code - 1 || block.includes(0)) throw new Error('bad block');
    bytes.push(...block);
    at += code;
    if (code < 255 && at < encoded.length - 1) bytes.push(0);
  }
  const payload = Uint8Array.from(bytes.slice(0, -4));
  const crc = new DataView(Uint8Array.from(bytes.slice(-4)).buffer).getUint32(0, true);
  if (crc !== crc32(payload)) throw new Error('bad CRC');
  return payload;
}

/** Bytes of xorshift32 from a seed. */
export function randomBytes(seed: number, length: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 8;
  });
}

/** A network of one linear layer, 6 inputs and 3 outputs, with tensors that train. */
export const SMALL_EDGES = 18;
export const SMALL_IMAGE = Uint8Array.of(10, 127, 0, 64, 3, 90);
export const smallWeights = Uint8Array.from({ length: SMALL_EDGES }, (_, i) => (i * 37 + 11) % 100);
export const smallState = Uint8Array.from({ length: SMALL_EDGES }, (_, i) => (i * 53) % 90);
export const smallNetwork: priot.OpenNetwork.$Properties = {
  method: Method.METHOD_PRIOT,
  threshold: -64,
  inputExponent: -7,
  lossShift: 4,
  layers: [
    {
      operation: priot.LayerOperation.LAYER_OPERATION_LINEAR,
      inHeight: 1,
      inWidth: 1,
      inChannels: 6,
      outChannels: 3,
      activationShift: 7,
      updateShift: 8,
    },
  ],
};

/** A board that trains the small network. */
export function trainingBoard(nextStep = 0, flash: Flash = new SimulatedFlash()): Board {
  const board = new Board(flash);
  board.put(smallNetwork, smallWeights, smallState);
  expectKind(board.ask({ startSession: { sessionId: SESSION_ID, nextStep } }), 'done');
  return board;
}

/** Step `step` of that session. */
export function stepRequest(step: number, changes: Partial<priot.Step.$Properties> = {}): Request {
  const image = SMALL_IMAGE.map((pixel, i) => (pixel + step * (i + 3)) & 127);
  return { step: { sessionId: SESSION_ID, bootId: BOOT_ID, step, label: step % 3, image, ...changes } };
}
