import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { priot } from '#proto';
import { BOOT_ID, Board, SESSION_ID, Tensor } from './board.js';

const FOLDER = new URL('../conformance/priot-45/', import.meta.url);
const bytes = (name: string) => Uint8Array.from(readFileSync(new URL(name, FOLDER)));

interface CaseLayer {
  op: 'conv2d' | 'linear';
  in_shape: [number, number, number];
  out_channels: number;
  kernel: number;
  stride: number;
  padding: number;
  pool: number;
  in_features: number;
  out_features: number;
  relu: boolean;
  weight_exponent: number;
  shifts: { activation: number; error?: number; score: number };
}

interface Case {
  threshold: number;
  input_exponent: number;
  loss_shift: number;
  layers: CaseLayer[];
  steps: {
    label: number;
    logits: number[];
    loss_gradient: number[];
    layers: { input: number; delta: number; state: number }[];
  }[];
}

function layerOf(layer: CaseLayer): priot.Layer.$Properties {
  const conv = layer.op === 'conv2d';
  return {
    ...(conv
      ? {
          operation: priot.LayerOperation.LAYER_OPERATION_CONV2D,
          inHeight: layer.in_shape[0],
          inWidth: layer.in_shape[1],
          inChannels: layer.in_shape[2],
          outChannels: layer.out_channels,
          kernel: layer.kernel,
          kernelColumns: layer.kernel,
          stride: layer.stride,
          strideColumns: layer.stride,
          padding: layer.padding,
          paddingLeft: layer.padding,
          paddingBottom: layer.padding,
          paddingRight: layer.padding,
          pool: layer.pool === 2,
        }
      : {
          operation: priot.LayerOperation.LAYER_OPERATION_LINEAR,
          inHeight: 1,
          inWidth: 1,
          inChannels: layer.in_features,
          outChannels: layer.out_features,
        }),
    relu: layer.relu,
    weightExponent: layer.weight_exponent,
    activationShift: layer.shifts.activation,
    errorShift: layer.shifts.error ?? 0,
    updateShift: layer.shifts.score,
  };
}

it('a conformance case replays to the byte', () => {
  const expected: Case = JSON.parse(readFileSync(new URL('case.json', FOLDER), 'utf8'));
  const board = new Board();
  board.put(
    {
      method: priot.Method.METHOD_PRIOT,
      threshold: expected.threshold,
      inputExponent: expected.input_exponent,
      lossShift: expected.loss_shift,
      layers: expected.layers.map(layerOf),
    },
    bytes('weights.bin'),
    bytes('state-init.bin'),
  );
  board.ask({ startSession: { sessionId: SESSION_ID, nextStep: 0 } });
  const images = bytes('images.bin');
  const imageBytes = images.length / expected.steps.length;
  for (const [step, { label, ...wanted }] of expected.steps.entries()) {
    const image = images.subarray(step * imageBytes, (step + 1) * imageBytes);
    const request = { sessionId: SESSION_ID, bootId: BOOT_ID, step, label, image, detail: true };
    const { kind, body } = board.ask({ step: request });
    expect(kind).toBe('stepResult');
    expect(body.logits).toEqual(wanted.logits);
    expect([...Int8Array.from(body.lossGradient)]).toEqual(wanted.loss_gradient);
    expect(body.layers).toEqual(wanted.layers.map(({ input, delta, state }) => ({ input, delta, state })));
  }
  const state = bytes('state-final.bin');
  expect(board.read(Tensor.TENSOR_STATE, state.length)).toEqual(state);
});
