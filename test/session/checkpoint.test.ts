/** The device's own checkpoint: what it answers, and what is left of it when the power fails. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '#host/device/faulty/faults.js';
import {
  Board,
  FailureCode,
  type Reply,
  randomBytes,
  SESSION_ID,
  SMALL_EDGES,
  smallNetwork,
  stepRequest,
  Tensor,
  trainingBoard,
} from './board.js';
import { operationBytes, TornFlash } from './torn-flash.js';

const TRAINING_ID = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);
const none = { sequence: 0, nextStep: 0, stateBytes: 0, stateCrc: 0 };

function save(board: Board, nextStep: number, changes = {}): Reply {
  return board.ask({
    saveCheckpoint: { sessionId: SESSION_ID, trainingId: TRAINING_ID, nextStep, ...changes },
  });
}

function codeOf(reply: Reply): number | undefined {
  return reply.kind === 'failure' ? reply.body.code : undefined;
}

/** A board that has trained `steps` steps of the small network. */
function trained(steps: number, flash = new TornFlash()): Board {
  const board = trainingBoard(0, flash);
  for (let step = 0; step < steps; step++) board.ask(stepRequest(step));
  return board;
}

describe('a checkpoint in flash', () => {
  it('is read on another boot, with the state it was made of', () => {
    const flash = new TornFlash();
    const board = trained(5, flash);
    const state = board.read(Tensor.TENSOR_STATE, SMALL_EDGES);
    const saved = save(board, 5);
    const expected = { sequence: 1, nextStep: 5, stateBytes: SMALL_EDGES, stateCrc: crc32(state) };
    expect(saved).toMatchObject({ kind: 'checkpoint', nextStep: 5, body: expected });
    const fresh = new Board(flash);
    const { body } = fresh.ask({ readCheckpoint: {} });
    expect(body).toMatchObject(expected);
    expect(Uint8Array.from(body.sessionId)).toEqual(SESSION_ID);
    expect(Uint8Array.from(body.trainingId)).toEqual(TRAINING_ID);
    expect(fresh.read(Tensor.TENSOR_CHECKPOINT, SMALL_EDGES)).toEqual(state);
  });

  it('changes nothing of the session', () => {
    const board = trained(3);
    save(board, 3);
    for (let step = 3; step < 6; step++) expect(board.ask(stepRequest(step)).kind).toBe('stepResult');
    const undisturbed = trained(6).read(Tensor.TENSOR_STATE, SMALL_EDGES);
    expect(board.read(Tensor.TENSOR_STATE, SMALL_EDGES)).toEqual(undisturbed);
  });

  it('asked for again is answered again and not written again', () => {
    const flash = new TornFlash();
    const board = trained(2, flash);
    const first = save(board, 2);
    const operations = flash.operations.length;
    expect(operations).toBe(3); // a sector, a page of state, the page that says what it is
    expect(save(board, 2).body).toEqual(first.body);
    // A board that was reset and brought back to the same step: nor does it.
    const back = trained(2, flash);
    expect(save(back, 2).body).toEqual(first.body);
    expect(flash.operations.length).toBe(operations);
    expect(save(back, 2, { trainingId: SESSION_ID }).body.sequence).toBe(2);
  });

  it('goes into the other slot each time', () => {
    const flash = new TornFlash();
    const board = trained(0, flash);
    for (let step = 0; step < 6; step++) {
      expect(save(board, step).body).toMatchObject({ sequence: step + 1, nextStep: step });
      board.ask(stepRequest(step));
    }
    const erased = flash.operations.filter(({ page }) => page === undefined).map(({ offset }) => offset);
    const [first, second] = [Math.min(...erased), Math.max(...erased)];
    expect(erased).toEqual([first, second, first, second, first, second]);
  });

  it('is refused when it is not of the session as it stands, and nothing is written', () => {
    const flash = new TornFlash();
    expect(codeOf(save(new Board(flash), 0))).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
    const board = trained(4, flash);
    for (const nextStep of [0, 3, 5, 0xffff_ffff]) {
      expect(codeOf(save(board, nextStep))).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
    }
    expect(codeOf(save(board, 4, { sessionId: TRAINING_ID }))).toBe(FailureCode.FAILURE_CODE_WRONG_SESSION);
    expect(codeOf(save(board, 4, { sessionId: new Uint8Array(7) }))).toBe(FailureCode.FAILURE_CODE_MALFORMED);
    expect(flash.operations).toEqual([]);
  });

  it('is none on flash that holds none, whatever it holds', () => {
    const fresh = new Board();
    expect(fresh.ask({ readCheckpoint: {} })).toMatchObject({ kind: 'checkpoint', body: none });
    const read = { readTensor: { tensor: Tensor.TENSOR_CHECKPOINT, offset: 0, length: 1 } };
    expect(codeOf(fresh.ask(read))).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
    for (const bytes of [randomBytes(7, 4096), new Uint8Array(4096)]) {
      const board = new Board({ read: (_, into) => into.set(bytes.subarray(0, into.length)), ...readOnly });
      expect(board.ask({ readCheckpoint: {} }).body).toMatchObject(none);
    }
  });

  it('is read within its bounds alone, and never written as a tensor', () => {
    const flash = new TornFlash();
    save(trained(1, flash), 1);
    const board = new Board(flash);
    const tensor = Tensor.TENSOR_CHECKPOINT;
    for (const [offset, length] of [
      [0, 0],
      [0, SMALL_EDGES + 1],
      [SMALL_EDGES, 1],
      [0xffff_ffff, 2],
      [0, 1025],
    ]) {
      const reply = board.ask({ readTensor: { tensor, offset: offset!, length: length! } });
      expect(codeOf(reply)).toBe(FailureCode.FAILURE_CODE_OUT_OF_RANGE);
    }
    const write = board.ask({ writeTensor: { tensor, offset: 0, data: Uint8Array.of(1) } });
    expect(codeOf(write)).toBe(FailureCode.FAILURE_CODE_MALFORMED);
    expect(codeOf(board.ask({ commitTensor: { tensor } }))).toBe(FailureCode.FAILURE_CODE_MALFORMED);
  });

  it('that flash does not hold is told, and the one before stands', () => {
    const flash = new TornFlash();
    const board = trained(1, flash);
    save(board, 1);
    board.ask(stepRequest(1));
    const program = flash.program.bind(flash);
    flash.program = (offset, page) =>
      program(
        offset,
        page.map((byte) => byte | 0x10),
      ); // a bit that cannot be cleared
    expect(codeOf(save(board, 2))).toBe(FailureCode.FAILURE_CODE_FLASH);
    expect(board.ask({ readCheckpoint: {} }).body).toMatchObject({ sequence: 1, nextStep: 1 });
    flash.program = program;
    expect(save(board, 2).body).toMatchObject({ sequence: 2, nextStep: 2 });
  });
});

const readOnly = { eraseSector: () => {}, program: () => {} };

let plugged = new TornFlash();
const reader = new Board({ read: (offset, bytes) => plugged.read(offset, bytes), ...readOnly });

/** What a board that is powered on finds; its state must be the one that its checkpoint says. */
function found(flash: TornFlash): number {
  plugged = flash;
  reader.reset();
  const { body } = reader.ask({ readCheckpoint: {} });
  if (body.sequence === 0) return 0;
  expect(crc32(reader.read(Tensor.TENSOR_CHECKPOINT, body.stateBytes))).toBe(body.stateCrc);
  expect(body.nextStep).toBe(body.sequence);
  expect([...body.sessionId, ...body.trainingId]).toEqual([...SESSION_ID, ...TRAINING_ID]);
  return body.sequence;
}

/** Flash with `saves` checkpoints of it, before steps 1, 2, …, and a board that is about to make the next one. */
function withCheckpoints(inputs: number, saves: number): { flash: TornFlash; board: Board } {
  const flash = new TornFlash();
  const board = new Board(flash);
  const edges = inputs * 3;
  const layer = { ...smallNetwork.layers![0], inChannels: inputs };
  board.put({ ...smallNetwork, layers: [layer] }, randomState(1, edges), randomState(2, edges));
  board.ask({ startSession: { sessionId: SESSION_ID, nextStep: 0 } });
  const image = randomBytes(3, inputs).map((byte) => byte & 127);
  for (let step = 0; step <= saves; step++) {
    if (step > 0) save(board, step);
    board.ask(stepRequest(step, { image }));
  }
  flash.operations = [];
  return { flash, board };
}

function randomState(seed: number, edges: number): Uint8Array {
  return randomBytes(seed, edges).map((byte) => byte & 63);
}

it('that has lost a bit since, anywhere, gives way to the one before', () => {
  const { flash } = withCheckpoints(100, 2);
  const newest = found(flash);
  const programmed = withCheckpoints(100, 1);
  save(programmed.board, 2);
  for (const { offset, page } of programmed.flash.operations) {
    if (page === undefined) continue;
    // The header is 44 bytes, and so is what the last page has of 300.
    for (let index = 0; index < 44; index++) {
      const bit = 1 << (index % 8);
      const worn = flash.copy();
      worn.flip(offset + index, bit);
      expect({ offset, index, found: found(worn) }).toEqual({ offset, index, found: newest - 1 });
    }
  }
});

it('of a state that ends just beyond a sector is saved again and again', () => {
  const { flash, board } = withCheckpoints(1334, 1); // 4,002 edges, 256 bytes before them
  for (let step = 2; step < 6; step++) {
    expect(save(board, step).body).toMatchObject({ sequence: step });
    board.ask(stepRequest(step, { image: randomBytes(step, 1334).map((byte) => byte & 127) }));
  }
  expect(found(flash)).toBe(5);
});

describe('when the power fails while the device saves', () => {
  // 300 edges: one sector, two pages and the header's; 4,500 edges: two sectors and 18 pages.
  for (const [inputs, operations] of [
    [100, 1 + 2 + 1],
    [1500, 2 + 18 + 1],
  ] as const) {
    for (const saves of [0, 1, 2]) {
      const name = `${inputs * 3} edges, ${saves} checkpoints before`;

      it(`at any byte of flash, the checkpoint before or the new one is read (${name})`, () => {
        const { flash, board } = withCheckpoints(inputs, saves);
        const before = flash.copy();
        expect(save(board, saves + 1).body.sequence).toBe(saves + 1);
        expect(flash.operations).toHaveLength(operations);
        const random = randomFrom(inputs + saves);
        const byte = () => Math.floor(random() * 256);
        const seen = new Set<number>();
        for (const [index, operation] of flash.operations.entries()) {
          const last = index === flash.operations.length - 1;
          // Every byte; of the larger state, of the last page alone.
          const stride = inputs > 1000 && !last ? 101 : 1;
          for (let count = 0; count < operationBytes(operation); count += stride) {
            const cut = before.copy();
            cut.applyUpTo(operation, count, byte());
            seen.add(found(cut));
          }
          for (let scattered = 0; scattered < 10; scattered++) {
            const cut = before.copy();
            cut.applyTorn(operation, byte);
            seen.add(found(cut));
          }
          before.apply(operation);
        }
        expect(found(before)).toBe(saves + 1);
        // The new one is there when the bytes that follow are ones anyway, and not before.
        expect([...seen].sort()).toEqual([saves, saves + 1]);
      });

      it(`before any operation of flash, it goes on and saves again (${name})`, () => {
        for (let operation = 0; operation < operations; operation++) {
          const { flash, board } = withCheckpoints(inputs, saves);
          flash.failsBefore = operation;
          expect(() => save(board, saves + 1)).toThrow('the power failed');
          flash.failsBefore = Number.POSITIVE_INFINITY;
          expect(found(flash)).toBe(saves);
          const again = trained(saves + 1, flash);
          expect(save(again, saves + 1).body).toMatchObject({ sequence: saves + 1 });
          expect(found(flash)).toBe(saves + 1);
        }
      });
    }
  }
});
