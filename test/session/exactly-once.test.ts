import { describe, expect, it } from 'vitest';
import {
  Board,
  encode,
  FailureCode,
  frame,
  SESSION_ID,
  SMALL_EDGES,
  SMALL_IMAGE,
  stepRequest,
  Tensor,
  trainingBoard,
} from './board.js';

function stateOf(board: Board): Uint8Array {
  return board.read(Tensor.TENSOR_STATE, SMALL_EDGES);
}

/** The state after `count` steps that all went well. */
function stateAfter(count: number): Uint8Array {
  const board = trainingBoard();
  for (let step = 0; step < count; step++) board.ask(stepRequest(step));
  return stateOf(board);
}

describe('steps', () => {
  it('change the learned state', () => {
    expect(stateAfter(12)).not.toEqual(stateAfter(0));
    expect(stateAfter(12)).not.toEqual(stateAfter(11));
  });

  it('carry the absolute window in every message', () => {
    const board = trainingBoard();
    for (let step = 0; step < 20; step++) {
      const reply = board.ask(stepRequest(step));
      expect(reply).toMatchObject({ kind: 'stepResult', nextStep: step + 1, windowEnd: step + 17 });
      expect(reply.body).toMatchObject({ step, alreadyApplied: false, cycles: 0 });
    }
    expect(board.ask({ readStatistics: {} })).toMatchObject({ nextStep: 20, windowEnd: 36 });
    expect(board.feed(Uint8Array.of(5, 0))[0]).toMatchObject({ requestId: 0, nextStep: 20, windowEnd: 36 });
  });

  it('repeated are answered with the result they had, and applied once', () => {
    const board = trainingBoard();
    const results = Array.from({ length: 30 }, (_, step) => board.ask(stepRequest(step)).body);
    for (let step = 29; step >= 14; step--) {
      const repeated = board.ask(stepRequest(step, { label: 0, image: new Uint8Array(0) }));
      expect(repeated.kind).toBe('stepResult');
      expect(repeated.nextStep).toBe(30);
      expect(repeated.body).toEqual({ ...results[step], alreadyApplied: true });
    }
    for (const step of [13, 0]) {
      expect(board.ask(stepRequest(step)).body.code).toBe(FailureCode.FAILURE_CODE_TOO_OLD);
    }
    expect(stateOf(board)).toEqual(stateAfter(30));
  });

  it('that come too early are answered with a gap or refused, and not applied', () => {
    const board = trainingBoard();
    board.ask(stepRequest(0));
    for (const step of [2, 3, 16]) {
      const reply = board.ask(stepRequest(step));
      expect(reply).toMatchObject({ kind: 'gap', nextStep: 1, body: { nextStep: 1 } });
    }
    for (const step of [17, 18, 0x8000_0000, 0xffff_ffff]) {
      expect(board.ask(stepRequest(step)).body.code).toBe(FailureCode.FAILURE_CODE_BEYOND_WINDOW);
    }
    expect(stateOf(board)).toEqual(stateAfter(1));
  });

  it('of another session or boot, or none, are refused', () => {
    const fresh = new Board();
    expect(fresh.ask(stepRequest(0)).body.code).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
    const board = trainingBoard();
    const otherBoot = board.ask(stepRequest(0, { bootId: 1 }));
    expect(otherBoot.body.code).toBe(FailureCode.FAILURE_CODE_WRONG_BOOT);
    const otherSession = board.ask(stepRequest(0, { sessionId: SESSION_ID.map((byte) => byte ^ 1) }));
    expect(otherSession.body.code).toBe(FailureCode.FAILURE_CODE_WRONG_SESSION);
    expect(otherSession.nextStep).toBe(0);
    expect(stateOf(board)).toEqual(stateAfter(0));
  });

  it('with a bad label or image are refused before anything is applied', () => {
    const board = trainingBoard();
    const bad = [
      { label: 3 },
      { label: 0xffff_ffff },
      { image: new Uint8Array(0) },
      { image: SMALL_IMAGE.subarray(1) },
      { image: Uint8Array.of(...SMALL_IMAGE, 1) },
      { image: SMALL_IMAGE.with(5, 128) },
      { image: new Uint8Array(4096) },
    ];
    for (const changes of bad) {
      const reply = board.ask(stepRequest(0, changes));
      expect(reply.body.code).toBe(FailureCode.FAILURE_CODE_OUT_OF_RANGE);
      expect(reply.nextStep).toBe(0);
    }
    expect(board.ask({ evaluate: { image: SMALL_IMAGE.subarray(1) } }).body.code).toBe(
      FailureCode.FAILURE_CODE_OUT_OF_RANGE,
    );
    expect(board.ask(stepRequest(0)).body).toMatchObject({ step: 0, alreadyApplied: false });
    expect(stateOf(board)).toEqual(stateAfter(1));
  });

  it('end with the same state over a line that loses, repeats and reorders', () => {
    const board = trainingBoard();
    const frames = Array.from({ length: 60 }, (_, step) => frame(encode(step + 1000, stepRequest(step))));
    let random = 7;
    const draw = (limit: number) => {
      random = (random * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      return (random >>> 8) % limit;
    };
    let next = 0;
    for (let round = 0; next < 60 && round < 5000; round++) {
      const encoded = frames[Math.min(59, Math.max(0, next + draw(8) - 3))]!.slice();
      if (draw(4) === 0) encoded[draw(encoded.length - 1)]! ^= 1 + draw(255);
      const replies = board.feed(encoded);
      next = replies.at(-1)?.nextStep ?? next;
    }
    board.feed(Uint8Array.of(0));
    expect(next).toBe(60);
    expect(stateOf(board)).toEqual(stateAfter(60));
  });

  it('bring details on request, and leave them out of a repeated answer', () => {
    const board = trainingBoard();
    const { body } = board.ask(stepRequest(0, { detail: true }));
    expect(body.logits).toHaveLength(3);
    expect(body.lossGradient).toHaveLength(3);
    expect(body.layers).toHaveLength(1);
    const repeated = board.ask(stepRequest(0, { detail: true }));
    expect(repeated.body).toMatchObject({ alreadyApplied: true, prediction: body.prediction, logits: [], layers: [] });
    expect(board.ask(stepRequest(1)).body).toMatchObject({ logits: [], layers: [] });
  });
});

describe('a session', () => {
  it('begins at any step', () => {
    const board = trainingBoard(1000);
    expect(board.ask(stepRequest(999)).body.code).toBe(FailureCode.FAILURE_CODE_TOO_OLD);
    expect(board.ask(stepRequest(1001)).kind).toBe('gap');
    expect(board.ask(stepRequest(1000))).toMatchObject({ kind: 'stepResult', nextStep: 1001, windowEnd: 1017 });
  });

  it('never wraps its step numbers', () => {
    const board = trainingBoard(0xffff_fffd);
    expect(board.ask(stepRequest(0xffff_fffd)).kind).toBe('stepResult');
    expect(board.ask(stepRequest(0xffff_fffe))).toMatchObject({ nextStep: 0xffff_ffff, windowEnd: 0xffff_ffff });
    expect(board.ask(stepRequest(0xffff_ffff)).body.code).toBe(FailureCode.FAILURE_CODE_BEYOND_WINDOW);
    expect(board.ask(stepRequest(0)).body.code).toBe(FailureCode.FAILURE_CODE_TOO_OLD);
  });

  it('asked for twice goes on, and is not replaced by another', () => {
    const board = trainingBoard();
    board.ask(stepRequest(0));
    const again = board.ask({ startSession: { sessionId: SESSION_ID, nextStep: 0 } });
    expect(again).toMatchObject({ kind: 'done', nextStep: 1 });
    for (const request of [
      { sessionId: SESSION_ID, nextStep: 1 },
      { sessionId: new Uint8Array(8), nextStep: 0 },
    ]) {
      expect(board.ask({ startSession: request }).body.code).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
    }
    expect(board.ask(stepRequest(1)).kind).toBe('stepResult');
  });

  it('keeps its state through evaluations, greetings and uploads out of turn', () => {
    const board = trainingBoard();
    for (let step = 0; step < 10; step++) {
      board.ask(stepRequest(step));
      board.ask({ evaluate: { index: step, image: SMALL_IMAGE } });
      board.ask({ evaluate: { index: step, image: SMALL_IMAGE, frozen: true } });
      board.isAlive();
      const write = board.ask({ writeTensor: { tensor: Tensor.TENSOR_STATE, offset: 0, data: Uint8Array.of(1) } });
      expect(write.body.code).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
    }
    expect(stateOf(board)).toEqual(stateAfter(10));
  });
});
