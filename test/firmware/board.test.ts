import { GPIOPinState } from 'rp2040js';
import { expect, test } from 'vitest';
import { encodeFrame } from '#host/link/frame.js';
import { encodeRequest, SelfTestKind } from '#host/link/messages.js';
import { Board, hello } from './board.js';

const HARD_FAULT_VECTOR = 3 * 4;
const MB = 1024 * 1024;
/** Of a Pico. */
const LED = 25;
const WATCHDOG_CONTROL = 0x40058000;
const WATCHDOG_SCRATCH_4 = 0x4005801c;
const TRIGGER = 0x80000000;
const NVIC_CLEAR_ENABLE = 0xe000e180;

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

test.each([2, 4, 8, 16])('a chip of %i MB is told by its id', (megabytes) => {
  const board = new Board({ jedecId: 0xef4000 | Math.log2(megabytes * MB) });
  board.boot(1);
  expect(hello(board)).toMatchObject({ flashBytes: megabytes * MB, weightsFlashBytes: MB });
});

const SSI_BAUD_RATE = 0x18000014;
const UNCACHED_FLASH = 0x13000000;

/** How the board reads its flash: divider of the core's clock, and whether four bits at a time. */
function flashReads({ pico }: Board) {
  const { chip, flashChip } = pico.machine;
  return { divider: chip.readUint32(SSI_BAUD_RATE), fourBits: flashChip.continuousRead };
}

/** Erases and programs. */
function useFlash(board: Board): void {
  const { body } = board.request('selfTest', { kind: SelfTestKind.SELF_TEST_KIND_FLASH });
  expect(body).toMatchObject({
    kind: 'selfTest',
    value: { values: [0, 0, 0, 0, expect.anything(), expect.anything()] },
  });
}

test.each([
  ['Winbond', 0xef4015, { divider: 2, fourBits: true }],
  ['GigaDevice', 0xc84016, { divider: 2, fourBits: true }],
  ['ISSI', 0x9d6016, { divider: 4, fourBits: false }],
  ['nobody', 0, { divider: 4, fourBits: false }],
])('one image for all boards: a chip by %s is read as it can be, after it was programmed, too', (_, jedecId, reads) => {
  const board = new Board({ jedecId });
  board.boot(1);
  expect(flashReads(board)).toEqual(reads);
  useFlash(board);
  expect(flashReads(board)).toEqual(reads);
  board.request('restart', {});
  board.boot(2);
  expect(flashReads(board)).toEqual(reads);
});

test('a chip whose four-bit reads give something else is read one bit at a time', () => {
  const board = new Board();
  const { chip, flashChip } = board.pico.machine;
  const read = chip.readUint32.bind(chip);
  let garbled = 0;
  chip.readUint32 = (address) => {
    if (address >>> 24 !== UNCACHED_FLASH >>> 24 || !flashChip.continuousRead) return read(address);
    garbled++;
    return read(address) ^ 0x10;
  };
  board.boot(1);
  expect(garbled).toBe(1);
  expect(flashReads(board)).toEqual({ divider: 4, fourBits: false });
  useFlash(board);
  expect(flashReads(board)).toEqual({ divider: 4, fourBits: false });
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

test('the LED is lit while the board waits for its host, dark while it works, and blinks without one', () => {
  const board = new Board();
  board.boot(1);
  const { cdc, machine } = board.pico;
  const lit = () => machine.chip.gpio[LED]!.value === GPIOPinState.High;
  const halfSeconds = (count: number) =>
    Array.from({ length: count }, () => {
      board.wait(0.5);
      return lit();
    });
  board.runUntil(() => board.pico.idle);
  expect(halfSeconds(3)).toEqual([true, true, true]);

  const changes: boolean[] = [];
  const forget = machine.chip.gpio[LED]!.addListener((state) => changes.push(state === GPIOPinState.High));
  cdc.send(encodeFrame(encodeRequest(5000, 'readStatistics', {})));
  board.runUntil(() => board.messages.some(({ requestId }) => requestId === 5000));
  board.runUntil(() => board.pico.idle);
  forget();
  expect(changes).toEqual([false, true]);

  cdc.setDtr(false);
  board.wait(0.01);
  const blinks = halfSeconds(6);
  expect(blinks.map((on, at) => (on === blinks[0]) !== (at % 2 === 1))).toEqual(Array(6).fill(true));
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
