/** USB as hosts do it to a board: whatever they do, it does not hang, and the next session is fine. */
import { expect, test } from 'vitest';
import { encodeFrame } from '#host/link/frame.js';
import { encodeRequest } from '#host/link/messages.js';
import { Board, hello } from './board.js';

const USB_INTERRUPTS_ENABLED = 0x50110090;
const SOF_INTERRUPT = 1 << 17;

function booted(): Board {
  const board = new Board();
  board.boot(1);
  return board;
}

/** A whole conversation, none of whose frames is damaged. */
function expectFine(board: Board): void {
  board.pico.cdc.send(Uint8Array.of(0));
  const before = board.request('readStatistics', {}).body;
  for (let i = 0; i < 20; i++) expect(hello(board).bootId).toBe(board.firstBootId);
  const after = board.request('readStatistics', {}).body;
  if (before.kind !== 'statistics' || after.kind !== 'statistics') throw new Error('no statistics');
  const { crcErrors, malformedFrames } = before.value;
  expect(after.value).toMatchObject({ crcErrors, malformedFrames });
  expect(board.pico.machine.resets).toBe(0);
}

/** A frame of as many bytes as an image may have, for a network that is not open. */
const longFrame = (requestId: number) =>
  encodeFrame(
    encodeRequest(requestId, 'writeTensor', {
      tensor: 0,
      offset: 0,
      data: new Uint8Array(1000).fill(requestId & 0x7f),
    }),
  );

test('start-of-frame interrupts run while packets wait for their host (erratum E15), and a session is fine', () => {
  const board = booted();
  const { chip } = board.pico.machine;
  let frames = 0;
  const setInterrupt = chip.setInterrupt.bind(chip);
  chip.setInterrupt = (irq, value) => {
    if (value && chip.readUint32(USB_INTERRUPTS_ENABLED) & SOF_INTERRUPT) frames++;
    setInterrupt(irq, value);
  };
  for (let i = 0; i < 200; i++) expectReply(board);
  expect(frames).toBeGreaterThan(20);
  expectFine(board);
});

function expectReply(board: Board): void {
  expect(board.request('readStatistics', {}).body.kind).toBe('statistics');
}

test('a host that sleeps and wakes, in the midst of a frame too', () => {
  const board = booted();
  const { cdc } = board.pico;
  board.pico.cdc.suspend();
  board.wait(2);
  cdc.resume();
  expectFine(board);

  cdc.send(longFrame(7000).subarray(0, 500));
  board.wait(0.0002);
  cdc.suspend();
  board.wait(30);
  cdc.resume();
  expectFine(board);
});

test('a bus reset in the midst of a frame: enumerated again, and fine', () => {
  const board = booted();
  for (let i = 0; i < 4; i++) {
    board.pico.cdc.send(longFrame(7000));
    board.wait(0.0003 * (i + 1));
    board.pico.cdc.reset();
    board.runUntil(() => board.pico.cdc.configured);
    expectFine(board);
  }
});

test('a second SET_CONFIGURATION, the same one and after none', () => {
  const board = booted();
  const { cdc } = board.pico;
  cdc.setConfiguration(1);
  board.wait(0.01);
  expectFine(board);
  cdc.setConfiguration(0);
  cdc.setConfiguration(1);
  cdc.setDtr(true);
  board.wait(0.01);
  expectFine(board);
});

test('CLEAR_FEATURE of endpoints that are not halted, while packets are on their way', () => {
  const board = booted();
  const { cdc } = board.pico;
  for (const out of [true, false]) {
    for (let i = 0; i < 6; i++) {
      cdc.reading = false;
      cdc.send(longFrame(7000));
      board.wait(0.001 + 0.0002 * i);
      cdc.clearHalt(out);
      // more to say while the first answer still waits for the host
      for (let k = 0; k < 3; k++) cdc.send(longFrame(8000));
      board.wait(0.01);
      cdc.reading = true;
      board.wait(0.02);
      expectFine(board);
    }
  }
  expect(board.console.join('\n')).not.toContain('panicked');
});

test('a host that never reads: the board waits for it, and answers once it does', () => {
  const board = booted();
  const { cdc } = board.pico;
  cdc.reading = false;
  for (let i = 0; i < 40; i++) cdc.send(longFrame(9000 + i));
  board.wait(70); // longer than a hang is borne
  expect(board.pico.machine.resets).toBe(0);
  cdc.reading = true;
  const answered = () => board.messages.filter(({ requestId }) => requestId >= 9000 && requestId < 9040).length;
  board.runUntil(() => answered() === 40);
  expectFine(board);
});

test('a host that never reads and goes away: the next one finds a board that answers', () => {
  const board = booted();
  const { cdc } = board.pico;
  cdc.reading = false;
  for (let i = 0; i < 4; i++) cdc.send(longFrame(9000 + i));
  board.wait(1);
  cdc.setDtr(false);
  board.wait(1);
  cdc.reading = true;
  cdc.setDtr(true);
  expectFine(board);
});

test('a host that opens and closes the port 200 times, at any moment', () => {
  const board = booted();
  const { cdc } = board.pico;
  for (let i = 0; i < 200; i++) {
    cdc.setDtr(false);
    if (i % 3 === 0) cdc.send(longFrame(7000).subarray(0, 1 + ((i * 37) % 1000)));
    board.wait(0.00003 * (i % 50));
    cdc.setDtr(true);
    board.wait(0.00007 * (i % 31));
  }
  expectFine(board);
});

test.each([
  ['the port is closed', true],
  ['by the speed alone, in half a second', false],
])('1200 bits a second asks for the boot ROM: %s', (_, closes) => {
  const board = booted();
  const { cdc, machine } = board.pico;
  cdc.setLineCoding(9600);
  cdc.setDtr(false);
  board.wait(1);
  cdc.setDtr(true);
  cdc.setLineCoding(1200);
  if (closes) cdc.setDtr(false);
  board.wait(closes ? 0.01 : 0.6);
  expect(machine.halt?.kind).toBe('bootsel');
});
