import { describe, expect, it } from 'vitest';
import { type Evaluation, PROTOCOL_VERSION, type StepResult } from '#host/link/messages.js';
import { priot } from '#proto';
import {
  BOOT_ID,
  Board,
  encode,
  FailureCode,
  frame,
  Method,
  randomBytes,
  SESSION_ID,
  SMALL_EDGES,
  SMALL_IMAGE,
  smallNetwork,
  smallState,
  smallWeights,
  square,
  stepRequest,
  Tensor,
  trainingBoard,
} from './board.js';

const { LAYER_OPERATION_CONV2D, LAYER_OPERATION_LINEAR } = priot.LayerOperation;

/** A well-formed network: up to three small convolutions, then a linear layer. */
function randomNetwork(draw: (limit: number) => number): {
  layers: Record<string, number | boolean>[];
  pixels: number;
} {
  const layers: Record<string, number | boolean>[] = [];
  let [height, width, channels] = [4 + draw(8), 4 + draw(8), 1 + draw(3)];
  const pixels = height * width * channels;
  const common = (last: boolean) => {
    const activationShift = 4 + draw(6);
    // Keeps E of the arithmetic in its range: all exponents together are 0.
    const weightExponent = (layers.length === 0 ? 7 : 0) - activationShift;
    return {
      relu: !last,
      weightExponent,
      activationShift,
      errorShift: draw(10),
      updateShift: draw(20),
      scoredEdges: 0,
    };
  };
  for (let count = draw(4); count > 0; count--) {
    const [kernel, stride, padding, outChannels] = [1 + draw(3), 1 + draw(2), draw(2), 1 + draw(4)];
    const side = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
    const pool = draw(2) === 1 && side(height) >= 2 && side(width) >= 2;
    if (Math.min(side(height), side(width)) < 1 || (kernel <= padding && padding > 0)) break;
    const shape = { inHeight: height, inWidth: width, inChannels: channels, outChannels };
    const operation = LAYER_OPERATION_CONV2D;
    layers.push({
      operation,
      ...shape,
      ...square(kernel, stride, padding),
      pool,
      belowThreshold: draw(2),
      ...common(false),
    });
    [height, width, channels] = [side(height) >> (pool ? 1 : 0), side(width) >> (pool ? 1 : 0), outChannels];
  }
  const inChannels = height * width * channels;
  const operation = LAYER_OPERATION_LINEAR;
  const shape = { inHeight: 1, inWidth: 1, inChannels, outChannels: 2 + draw(9) };
  layers.push({
    operation,
    ...shape,
    pool: false,
    belowThreshold: draw(2),
    ...common(true),
  });
  return { layers, pixels };
}

describe('hello', () => {
  it('says who the device is, and is answered whatever version asks', () => {
    const board = new Board();
    for (const protocolVersion of [0, 1, 2, 3, 4, 0xffff_ffff]) {
      const { kind, body, nextStep, windowEnd } = board.ask({ hello: { protocolVersion } });
      expect(kind).toBe('hello');
      expect(body).toMatchObject({
        protocolVersion: PROTOCOL_VERSION,
        bootId: BOOT_ID,
        clockHz: 0,
        window: 16,
        methods: 15,
      });
      expect(Buffer.from(body.boardId).toString()).toBe('PRIOTSIM');
      expect(body.firmwareCompiler).toMatch(/clang/);
      expect([nextStep, windowEnd]).toEqual([0, 0]);
    }
  });
});

describe('malformed and unknown requests', () => {
  it('are refused with their request id when it was read', () => {
    const board = new Board();
    const reply = (payload: number[]) => {
      const replies = board.feed(frame(Uint8Array.from(payload)));
      expect(replies).toHaveLength(1);
      return { id: replies[0]!.requestId, code: replies[0]!.body.code };
    };
    const { FAILURE_CODE_MALFORMED, FAILURE_CODE_UNSUPPORTED } = FailureCode;
    expect(reply([])).toEqual({ id: 0, code: FAILURE_CODE_MALFORMED }); // no id at all
    expect(reply([0x08, 0x05])).toEqual({ id: 5, code: FAILURE_CODE_UNSUPPORTED }); // no body
    expect(reply([0x08, 0x05, 0xca, 0x02, 0x00])).toEqual({ id: 5, code: FAILURE_CODE_UNSUPPORTED }); // field 41
    expect(reply([0x08, 0x05, 0x12, 0x7f])).toEqual({ id: 5, code: FAILURE_CODE_MALFORMED }); // runs over the end
    expect(reply([0x08, 0x05, 0x12])).toEqual({ id: 5, code: FAILURE_CODE_MALFORMED });
    expect(reply([0x08, 0x05, 0x10, 0x01])).toEqual({ id: 5, code: FAILURE_CODE_MALFORMED }); // wrong wire type
    expect(reply([0x08, 0x05, 0x0f])).toEqual({ id: 5, code: FAILURE_CODE_MALFORMED });
    // Step.image as a varint: there are no bytes whose place could be recorded
    expect(reply([0x08, 0x05, 0x3a, 0x02, 0x30, 0x01])).toEqual({ id: 5, code: FAILURE_CODE_MALFORMED });
    expect(reply([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])).toMatchObject({
      code: FAILURE_CODE_MALFORMED,
    });
    expect(board.isAlive()).toBe(true);
  });

  it('of more layers than there may be are refused', () => {
    const board = new Board();
    const first = smallNetwork.layers![0]!;
    const hidden = { ...first, outChannels: first.inChannels! };
    const layers = (count: number) => [...Array.from({ length: count - 1 }, () => hidden), first];
    expect(board.ask({ openNetwork: { ...smallNetwork, layers: layers(32) } }).kind).toBe('memoryPlan');
    const { code, layer } = board.ask({ openNetwork: { ...smallNetwork, layers: layers(33) } }).body;
    expect({ code, layer }).toEqual({ code: FailureCode.FAILURE_CODE_BAD_NETWORK, layer: 33 });
  });

  it('with ids of another length are malformed', () => {
    const board = new Board();
    for (const length of [7, 9, 300]) {
      const request = { startSession: { sessionId: new Uint8Array(length), nextStep: 0 } };
      expect(board.ask(request).body.code).toBe(FailureCode.FAILURE_CODE_MALFORMED);
    }
  });

  it('never stop the device, whichever bit of them is wrong', () => {
    const board = trainingBoard();
    const requests = [
      encode(3, { openNetwork: smallNetwork }),
      encode(3, { writeTensor: { tensor: 2, offset: 0, data: smallState } }),
      encode(3, { commitTensor: { tensor: 2 } }),
      encode(3, { readTensor: { tensor: 2, offset: 0, length: 18 } }),
      encode(3, { evaluate: { index: 1, image: SMALL_IMAGE } }),
      encode(3, stepRequest(0, { detail: true })),
    ];
    for (const request of requests) {
      for (let bit = 0; bit < request.length * 8; bit++) {
        const damaged = request.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        expect(board.feed(frame(damaged))).toHaveLength(1);
      }
      expect(board.isAlive()).toBe(true);
    }
    for (let seed = 1; seed <= 2000; seed++) {
      const tail = randomBytes(seed, seed % 40);
      const tag = ((2 + (seed % 11)) << 3) | 2;
      expect(board.feed(frame(Uint8Array.from([0x08, 0x05, tag, tail.length, ...tail])))).toHaveLength(1);
    }
    expect(board.isAlive()).toBe(true);
  });
});

describe('opening a network', () => {
  it('answers with a byte account', () => {
    const { kind, body } = new Board().ask({ openNetwork: smallNetwork });
    expect(kind).toBe('memoryPlan');
    expect(body.fits).toBe(true);
    const { weightsBytes, stateBytes, activationBytes, errorBytes, otherBytes, requiredBytes } = body;
    expect(weightsBytes + stateBytes + activationBytes + errorBytes + otherBytes).toBe(requiredBytes);
    expect(body.arenaBytes).toBe(128 << 20);
    expect(body.weightsInFlash).toBe(false);
  });

  it('says what is missing when it does not fit, and opens nothing', () => {
    const board = new Board();
    const { kind, body } = board.ask({ openNetwork: { ...smallNetwork, memoryLimitBytes: 16 } });
    expect(kind).toBe('memoryPlan');
    expect(body).toMatchObject({ fits: false, arenaBytes: 16 });
    expect(body.requiredBytes).toBeGreaterThan(16);
    const data = smallWeights;
    const write = board.ask({ writeTensor: { tensor: Tensor.TENSOR_WEIGHTS, offset: 0, data } });
    expect(write.body.code).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
  });

  it('refuses networks that make no sense and names the layer', () => {
    const board = new Board();
    const layer = smallNetwork.layers![0]!;
    const refused = (changes: Partial<priot.Layer.$Properties>) => {
      const { kind, body } = board.ask({ openNetwork: { ...smallNetwork, layers: [{ ...layer, ...changes }] } });
      expect(kind, JSON.stringify(changes)).toBe('failure');
      expect(body.text).not.toBe('');
      return body;
    };
    const conv = { operation: LAYER_OPERATION_CONV2D, ...square(3, 1, 0), inHeight: 28, inWidth: 28 };
    expect(refused({ activationShift: 31 })).toMatchObject({ code: FailureCode.FAILURE_CODE_BAD_NETWORK, layer: 1 });
    expect(refused({ inChannels: 0 })).toMatchObject({ code: FailureCode.FAILURE_CODE_BAD_NETWORK, layer: 1 });
    expect(refused({ outChannels: 65 })).toMatchObject({ code: FailureCode.FAILURE_CODE_BAD_NETWORK, layer: 1 });
    refused({ inChannels: 0xffff_ffff });
    refused({ inHeight: 0xffff_ffff, inWidth: 0xffff_ffff });
    refused({ outChannels: 0x8000_0000 });
    refused({ updateShift: 0xffff_ffff });
    refused({ weightExponent: -0x8000_0000 });
    refused({ weightExponent: 0x7fff_ffff });
    refused(conv); // the last layer must be linear
    for (const changes of [square(3, 0, 0), square(0, 1, 0), square(0xffff_ffff, 1, 0), square(3, 1, 0xffff_ffff)]) {
      const layers = [{ ...layer, ...conv, inChannels: 1, outChannels: 2, ...changes }, layer];
      expect(board.ask({ openNetwork: { ...smallNetwork, layers } }).kind).toBe('failure');
    }
    expect(refused({ operation: 7 as priot.LayerOperation }).code).toBe(FailureCode.FAILURE_CODE_MALFORMED);
    expect(board.ask({ openNetwork: { ...smallNetwork, layers: [] } }).kind).toBe('failure');
    const unknown = board.ask({ openNetwork: { ...smallNetwork, method: 9 as priot.Method } });
    expect(unknown.body.code).toBe(FailureCode.FAILURE_CODE_UNSUPPORTED);
    const image = { operation: LAYER_OPERATION_LINEAR, inChannels: 4097 };
    expect(refused(image)).toMatchObject({ code: FailureCode.FAILURE_CODE_BAD_NETWORK, layer: 1, value: 4097 });
    expect(board.isAlive()).toBe(true);
  });

  it('trains random networks, and survives what is wrong with a random field of them', () => {
    const board = new Board();
    const nasty = [0, 1, 2, 30, 31, 255, 256, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    let trained = 0;
    for (let seed = 1; seed <= 3000; seed++) {
      const random = randomBytes(seed, 256);
      let at = 0;
      const draw = (limit: number) => random[at++ & 255]! % limit;
      const { layers, pixels } = randomNetwork(draw);
      if (seed % 2 === 0) {
        const fields = Object.keys(layers[0]!);
        Object.assign(layers[draw(layers.length)]!, { [fields[draw(fields.length)]!]: nasty[draw(nasty.length)]! });
      }
      const method = draw(4) as priot.Method;
      const { kind } = board.ask({ openNetwork: { ...smallNetwork, method, mu: 1 + draw(7), layers } });
      expect(['memoryPlan', 'failure']).toContain(kind);
      if (kind === 'failure' || method === Method.METHOD_PRIOT_S) continue;
      // Nothing was written: even then it trains.
      board.ask({ commitTensor: { tensor: Tensor.TENSOR_WEIGHTS } });
      board.ask({ commitTensor: { tensor: Tensor.TENSOR_STATE } });
      board.ask({ startSession: { sessionId: SESSION_ID, nextStep: 0 } });
      const image = new Uint8Array(pixels).fill(100);
      // A nasty size may be a valid one, of another image.
      if (board.ask(stepRequest(0, { label: 0, image, detail: true })).kind === 'stepResult') trained++;
    }
    expect(trained).toBeGreaterThan(500);
    expect(board.isAlive()).toBe(true);
  });

  it('asked twice in one request wipes nothing', () => {
    const board = new Board();
    const plan = board.ask({ openNetwork: smallNetwork }, 100);
    board.ask({ writeTensor: { tensor: Tensor.TENSOR_WEIGHTS, offset: 0, data: smallWeights } });
    expect(board.ask({ openNetwork: smallNetwork }, 100)).toEqual(plan);
    board.ask({ commitTensor: { tensor: Tensor.TENSOR_WEIGHTS } });
    expect(board.read(Tensor.TENSOR_WEIGHTS, SMALL_EDGES)).toEqual(smallWeights);
    // A host that greets anew counts its requests anew.
    board.isAlive();
    board.ask({ openNetwork: smallNetwork }, 100);
    const read = board.ask({ readTensor: { tensor: Tensor.TENSOR_WEIGHTS, offset: 0, length: 1 } });
    expect(read.body.code).toBe(FailureCode.FAILURE_CODE_WRONG_ORDER);
  });
});

describe('tensors', () => {
  it('come back as they were written, in chunks of any size', () => {
    const board = new Board();
    board.put(smallNetwork, smallWeights, smallState);
    expect(board.read(Tensor.TENSOR_WEIGHTS, SMALL_EDGES)).toEqual(smallWeights);
    for (let offset = 0; offset < SMALL_EDGES; offset++) {
      for (let length = 1; length <= SMALL_EDGES - offset; length++) {
        const { body } = board.ask({ readTensor: { tensor: Tensor.TENSOR_STATE, offset, length } });
        expect(body).toMatchObject({ tensor: Tensor.TENSOR_STATE, offset });
        expect(Uint8Array.from(body.data)).toEqual(smallState.subarray(offset, offset + length));
      }
    }
  });

  it('are written in order: scored, weights, state', () => {
    const board = new Board();
    const write = (tensor: priot.Tensor, data = smallWeights) =>
      board.ask({ writeTensor: { tensor, offset: 0, data } });
    const wrongOrder = { code: FailureCode.FAILURE_CODE_WRONG_ORDER };
    expect(write(Tensor.TENSOR_WEIGHTS).body).toMatchObject(wrongOrder); // nothing is open
    board.ask({ openNetwork: smallNetwork });
    expect(write(Tensor.TENSOR_SCORED).body).toMatchObject(wrongOrder); // priot has no scored flags
    expect(write(Tensor.TENSOR_STATE).body).toMatchObject(wrongOrder);
    expect(board.ask({ commitTensor: { tensor: Tensor.TENSOR_STATE } }).body).toMatchObject(wrongOrder);
    expect(write(Tensor.TENSOR_WEIGHTS).kind).toBe('done');
    expect(write(Tensor.TENSOR_WEIGHTS).kind).toBe('done');
    const commitWeights = { commitTensor: { tensor: Tensor.TENSOR_WEIGHTS } };
    expect(board.ask(commitWeights).kind).toBe('done');
    expect(board.ask(commitWeights).kind).toBe('done'); // the reply may have been lost
    expect(write(Tensor.TENSOR_WEIGHTS).body).toMatchObject(wrongOrder);
    expect(board.ask({ startSession: { sessionId: new Uint8Array(8) } }).body).toMatchObject(wrongOrder);
    expect(board.ask({ evaluate: { image: SMALL_IMAGE } }).body).toMatchObject(wrongOrder);
    expect(board.ask({ evaluate: { image: SMALL_IMAGE, frozen: true } }).kind).toBe('evaluation');
    expect(write(Tensor.TENSOR_STATE, smallState).kind).toBe('done');
    expect(board.ask({ commitTensor: { tensor: Tensor.TENSOR_STATE } }).kind).toBe('done');
    expect(board.ask({ evaluate: { index: 4, image: SMALL_IMAGE } }).body).toMatchObject({ index: 4, logits: [] });
  });

  it('evaluate with the logits that a step on the same image has', () => {
    const board = trainingBoard();
    const { logits, prediction } = board.ask({ evaluate: { image: SMALL_IMAGE, logits: true } }).body as Evaluation;
    const step = board.ask(stepRequest(0, { detail: true })).body as StepResult;
    expect(logits).toEqual(step.logits);
    expect(logits[prediction]).toBe(Math.max(...logits));
  });

  it('of priot-s begin with as many scored flags as planned', () => {
    const board = new Board();
    const layers = [{ ...smallNetwork.layers![0]!, scoredEdges: 5 }];
    board.ask({ openNetwork: { ...smallNetwork, method: Method.METHOD_PRIOT_S, layers } });
    const flags = (count: number) => Uint8Array.from({ length: SMALL_EDGES }, (_, i) => (i < count ? 1 : 0));
    const tensor = Tensor.TENSOR_SCORED;
    const wrongValue = board.ask({ writeTensor: { tensor, offset: 0, data: Uint8Array.of(2) } });
    expect(wrongValue.body.code).toBe(FailureCode.FAILURE_CODE_OUT_OF_RANGE);
    board.ask({ writeTensor: { tensor, offset: 0, data: flags(6) } });
    expect(board.ask({ commitTensor: { tensor } }).body.code).toBe(FailureCode.FAILURE_CODE_OUT_OF_RANGE);
    board.ask({ writeTensor: { tensor, offset: 0, data: flags(5) } });
    expect(board.ask({ commitTensor: { tensor } }).kind).toBe('done');
    expect(board.read(tensor, SMALL_EDGES)).toEqual(flags(5));
  });

  it('refuse chunks and values out of range', () => {
    const board = new Board();
    board.ask({ openNetwork: smallNetwork });
    const tensor = Tensor.TENSOR_WEIGHTS;
    const refused = (offset: number, data: Uint8Array) => {
      const { body } = board.ask({ writeTensor: { tensor, offset, data } });
      expect(body.code).toBe(FailureCode.FAILURE_CODE_OUT_OF_RANGE);
    };
    refused(0, new Uint8Array(0));
    refused(0, new Uint8Array(19));
    refused(0, new Uint8Array(1025));
    refused(18, new Uint8Array(1));
    refused(17, new Uint8Array(2));
    refused(0xffff_ffff, new Uint8Array(2));
    refused(0, Uint8Array.of(1, 2, 0x80)); // -128
    const malformed = board.ask({ writeTensor: { tensor: 3 as priot.Tensor, offset: 0, data: smallWeights } });
    expect(malformed.body.code).toBe(FailureCode.FAILURE_CODE_MALFORMED);
    board.put(smallNetwork, smallWeights, smallState);
    for (const [offset, length] of [
      [0, 0],
      [0, 1025],
      [0, 19],
      [18, 1],
      [0xffff_ffff, 2],
      [1, 0xffff_ffff],
    ]) {
      const { body } = board.ask({ readTensor: { tensor, offset: offset!, length: length! } });
      expect(body.code).toBe(FailureCode.FAILURE_CODE_OUT_OF_RANGE);
    }
  });
});

describe('restart', () => {
  it('is answered before it happens', () => {
    const board = new Board();
    expect(board.ask({ restart: {} }).kind).toBe('done');
    expect(board.restarts).toBe(1);
  });
});
