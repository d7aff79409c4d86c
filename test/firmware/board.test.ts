import { expect, test } from 'vitest';
import { Pico } from '#host/device/emulator/pico.js';
import { encodeFrame, FrameDecoder } from '#host/link/frame.js';
import {
  type DeviceMessage,
  decodeDeviceMessage,
  encodeRequest,
  PROTOCOL_VERSION,
  type RequestBody,
  type RequestKind,
} from '#host/link/messages.js';
import { firmwareFlash, shimRom } from '../emulator/programs.js';

const SLICE_CYCLES = 100_000;
/** 10 emulated seconds: anything awaited here takes some milliseconds. */
const LIMIT_SLICES = 12_500;
const HARD_FAULT_VECTOR = 3 * 4;

/** An emulated board and the other end of its cable. */
class Board {
  readonly console: string[] = [];
  readonly messages: DeviceMessage[] = [];
  readonly pico: Pico;
  private readonly decoder = new FrameDecoder();
  private requests = 0;

  constructor() {
    this.pico = new Pico({
      rom: shimRom(),
      flash: firmwareFlash(),
      onConsoleLine: (line) => this.console.push(line),
      onPacket: (bytes) => {
        for (const payload of this.decoder.push(bytes)) this.messages.push(decodeDeviceMessage(payload));
      },
      onIdle: () => false,
    });
  }

  runUntil(done: () => boolean): void {
    for (let slice = 0; !done(); slice++) {
      if (slice === LIMIT_SLICES) throw new Error('not within 10 emulated seconds');
      this.pico.machine.run(this.pico.cycles + SLICE_CYCLES);
    }
  }

  /** Waits until the firmware is up and on the bus. */
  boot(boots: number): void {
    this.runUntil(() => this.console.filter((line) => line.startsWith('priot ')).length === boots);
    this.runUntil(() => this.pico.cdc.configured);
  }

  request<K extends RequestKind>(kind: K, body: RequestBody<K>): DeviceMessage {
    const requestId = ++this.requests;
    this.pico.cdc.send(encodeFrame(encodeRequest(requestId, kind, body)));
    const reply = () => this.messages.find((message) => message.requestId === requestId);
    this.runUntil(() => reply() !== undefined);
    return reply()!;
  }
}

function hello(board: Board) {
  const { body } = board.request('hello', { protocolVersion: PROTOCOL_VERSION });
  if (body.kind !== 'hello') throw new Error(`a ${body.kind}`);
  return body.value;
}

test('two power-ons are equal, boot id included', () => {
  const [first, second] = [new Board(), new Board()];
  first.boot(1);
  second.boot(1);
  expect(hello(first)).toEqual(hello(second));
  expect(first.pico.cycles).toBe(second.pico.cycles);
  expect(hello(first)).toMatchObject({ resetCause: 'power-on', clockHz: 125_000_000 });
  expect(new TextDecoder().decode(hello(first).boardId)).toBe('PRIOTEMU');
});

test('a restart is answered, and every run has a boot id of its own', () => {
  const board = new Board();
  board.boot(1);
  const ids = new Set([hello(board).bootId]);
  for (const boots of [2, 3]) {
    expect(board.request('restart', {}).body.kind).toBe('done');
    board.boot(boots);
    const { bootId, resetCause, lastPanic } = hello(board);
    expect(resetCause).toBe('requested');
    expect(lastPanic).toBeUndefined();
    ids.add(bootId);
  }
  expect(ids.size).toBe(3);
});

test('a hard fault is told by the run after it, and by that run only', () => {
  const board = new Board();
  board.boot(1);
  board.runUntil(() => board.pico.idle);
  const { chip } = board.pico.machine;
  // as after a fault: the frame of the exception is on the stack, and the vector is taken
  const frame = chip.core.SP - 32;
  chip.core.SP = frame;
  chip.writeUint32(frame + 20, 0x10001235);
  chip.writeUint32(frame + 24, 0x20000678);
  chip.core.waiting = false;
  chip.core.PC = chip.readUint32(chip.core.VTOR + HARD_FAULT_VECTOR) & ~1;

  board.boot(2);
  expect(board.console.join('\n')).toContain('last run panicked: hard fault, pc 20000678, lr 10001235');
  const panic = { programCounter: 0x20000678, linkRegister: 0x10001235, reason: 'hard fault' };
  expect(hello(board)).toMatchObject({ resetCause: 'panic', lastPanic: panic });

  board.request('restart', {});
  board.boot(3);
  expect(hello(board).lastPanic).toBeUndefined();
});

test('bytes that come faster than they are handled wait in the host, and none is lost', () => {
  const board = new Board();
  board.boot(1);
  const count = 40;
  const firstId = 1000;
  for (let i = 0; i < count; i++) {
    // far more than the device's buffer holds: each with 1,000 bytes for a network that is not open
    const body = { tensor: 0, offset: 0, data: new Uint8Array(1000).fill(i) };
    board.pico.cdc.send(encodeFrame(encodeRequest(firstId + i, 'writeTensor', body)));
  }
  const answered = () => board.messages.map((message) => message.requestId).filter((id) => id >= firstId);
  board.runUntil(() => answered().length === count);
  expect(answered()).toEqual(Array.from({ length: count }, (_, i) => firstId + i));
  const statistics = board.request('readStatistics', {}).body;
  expect(statistics).toMatchObject({ kind: 'statistics', value: { crcErrors: 0, malformedFrames: 0 } });
});
