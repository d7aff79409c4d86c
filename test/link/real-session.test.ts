import { expect, it } from 'vitest';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import { LayerOperation, Method, Tensor } from '#host/link/messages.js';
import type { Faults } from './fake-device.js';
import { FaultyLine } from './faulty-line.js';
import { xorshift } from './random.js';

const INPUTS = 96;
const OUTPUTS = 10;
const EDGES = INPUTS * OUTPUTS;
const STEPS = 300;

interface Trained {
  state: string;
  predictions: number[];
  retries: number;
}

/** Trains one linear layer on noise with the firmware's own session and engine. */
async function train(faults?: Faults): Promise<Trained> {
  const simulator = await openSimulator();
  const link = await Link.open(faults ? new FaultyLine(simulator, faults) : simulator);
  const random = xorshift(99);
  const bytes = (count: number, below: number) =>
    Uint8Array.from({ length: count }, () => Math.floor(random() * below));
  const layer = {
    operation: LayerOperation.LAYER_OPERATION_LINEAR,
    inHeight: 1,
    inWidth: 1,
    inChannels: INPUTS,
    outChannels: OUTPUTS,
    activationShift: 7,
    updateShift: 4,
  };
  await link.request('openNetwork', { method: Method.METHOD_PRIOT, lossShift: 6, layers: [layer] });
  for (const tensor of [Tensor.TENSOR_WEIGHTS, Tensor.TENSOR_STATE]) {
    await link.request('writeTensor', { tensor, data: bytes(EDGES, 100) });
    await link.request('commitTensor', { tensor });
  }
  const sessionId = new Uint8Array(8).fill(1);
  await link.request('startSession', { sessionId, nextStep: 0 });
  const frames = Array.from({ length: STEPS }, (_, i) => ({ label: i % OUTPUTS, image: bytes(INPUTS, 128) }));
  const predictions: number[] = [];
  for await (const { step, prediction } of link.steps({ sessionId, firstStep: 0 }, frames)) {
    expect(step).toBe(predictions.length);
    predictions.push(prediction);
  }
  const { data } = await link.request('readTensor', { tensor: Tensor.TENSOR_STATE, offset: 0, length: EDGES });
  const { retries } = link.statistics;
  await link.close();
  return { state: Buffer.from(data).toString('hex'), predictions, retries };
}

it("training with the firmware's session over a bad line gives the bytes of a good line", async () => {
  const clean = await train();
  expect(clean.retries).toBe(0);
  expect(new Set(clean.predictions).size).toBeGreaterThan(1);
  for (const seed of [1, 2, 3, 4]) {
    const { state, predictions, retries } = await train({ seed, drop: 0.03, duplicate: 0.03, flip: 0.03 });
    expect(retries).toBeGreaterThan(0);
    expect(predictions).toEqual(clean.predictions);
    expect(state).toBe(clean.state);
  }
});
