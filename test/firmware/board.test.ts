import { expect, test } from 'vitest';
import { CLOCK_HZ } from '#host/device/emulator/emulated-clock.js';
import type { FlashChipOptions } from '#host/device/emulator/flash-chip.js';
import { SRAM_START } from '#host/device/emulator/memory.js';
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
const MB = 1024 * 1024;
const WATCHDOG_CONTROL = 0x40058000;
const WATCHDOG_SCRATCH_4 = 0x4005801c;
const TRIGGER = 0x80000000;
const NVIC_CLEAR_ENABLE = 0xe000e180;
/** Well within the arena, which is free as long as no network is open. */
const FREE_SRAM = SRAM_START + 0x20000;

/** An emulated board and the other end of its cable. */
class Board {
  readonly console: string[] = [];
  readonly messages: DeviceMessage[] = [];
  readonly pico: Pico;
  private readonly decoder = new FrameDecoder();
  private requests = 0;

  constructor(flashChip?: FlashChipOptions) {
    this.pico = new Pico({
      rom: shimRom(),
      flash: firmwareFlash(),
      flashChip,
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

  /** Lets emulated time pass. */
  wait(seconds: number): void {
    const end = this.pico.cycles + seconds * CLOCK_HZ;
    while (this.pico.cycles < end && !this.pico.machine.halt) this.pico.machine.run(end);
  }

  /** Has the main program go on with this code. */
  hijack(halfwords: readonly number[]): void {
    this.runUntil(() => this.pico.idle);
    const { chip } = this.pico.machine;
    for (const [at, halfword] of halfwords.entries()) chip.writeUint16(FREE_SRAM + 2 * at, halfword);
    chip.core.waiting = false;
    chip.core.PC = FREE_SRAM;
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

test('the flash chip says how large it is, and who', () => {
  const board = new Board();
  board.boot(1);
  expect(hello(board)).toMatchObject({
    flashBytes: 2 * MB,
    weightsFlashBytes: MB,
    flashJedecId: 0xef4015,
    chipRevision: 1,
    bootRomVersion: 3,
  });

  const large = new Board({ jedecId: 0xc84018, uniqueId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  large.boot(1);
  expect(hello(large)).toMatchObject({ flashBytes: 16 * MB, weightsFlashBytes: MB });
  expect(hello(large).checkpointBytes).toBeGreaterThan(0);
  expect(hello(large).boardId).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  expect(large.console[0]).toContain('board 0102030405060708');
});

test.each([
  ['says so', { jedecId: 0xef4014 }],
  ['says nothing', { jedecId: 0, bytes: MB }],
  ['says it is larger', { jedecId: 0xef4018, bytes: MB }],
])('a chip of 1 MB that %s gets neither weights nor checkpoints: they would erase the image', (_, chip) => {
  const board = new Board(chip);
  board.boot(1);
  expect(hello(board)).toMatchObject({ flashBytes: MB, weightsFlashBytes: 0, checkpointBytes: 0 });
});

test('a chip that does not say who it is makes no board an emulated one', () => {
  for (const byte of [0, 0xff]) {
    const board = new Board({ uniqueId: new Uint8Array(8).fill(byte) });
    board.boot(1);
    expect(hello(board).boardId).toEqual(new Uint8Array(8).fill(byte));
  }
});

test('a board that waits, for a host or without one, is left alone by its watchdog', () => {
  const board = new Board();
  board.boot(1);
  const { bootId } = hello(board);
  board.wait(100);
  expect(hello(board).bootId).toBe(bootId);
});

test('a board that hangs is reset: in 8 s without interrupts, in a minute with them', () => {
  const board = new Board();
  board.boot(1);
  board.hijack([0xbf30, 0xe7fd]); // WFI; B to it
  board.pico.machine.chip.writeUint32(NVIC_CLEAR_ENABLE, 0xffffffff);
  board.wait(7.4);
  expect(board.pico.machine.resets).toBe(0);
  board.wait(1);
  board.boot(2);
  expect(hello(board)).toMatchObject({ resetCause: 'watchdog' });
  expect(hello(board).lastPanic).toBeUndefined();

  board.hijack([0xb662, 0xbf30, 0xe7fd]); // CPSIE i, as the firmware sleeps with them masked; WFI; B to it
  board.wait(59);
  expect(board.pico.machine.resets).toBe(1);
  board.wait(10);
  board.boot(3);
  expect(hello(board)).toMatchObject({ resetCause: 'watchdog' });
});

test('a board that comes from its boot ROM, with another image in its flash perhaps, says so', () => {
  const board = new Board();
  board.boot(1);
  board.runUntil(() => board.pico.idle);
  const { chip, memory } = board.pico.machine;
  // as the boot ROM leaves it when its drive has taken an image: SRAM is anything, and the watchdog's marks are its own
  memory.sram.fill(0);
  chip.writeUint32(WATCHDOG_SCRATCH_4, 0);
  chip.writeUint32(WATCHDOG_CONTROL, TRIGGER);
  board.boot(2);
  expect(board.console.at(-1)).toContain('after the boot ROM');
  expect(hello(board)).toMatchObject({ resetCause: 'boot-rom' });
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
