/** The checks of `priot selftest` that hold a conversation with a board: arithmetic, a session over a reset, the line. */
import type { Connection } from '../link/connection.js';
import type { HelloReply, Link } from '../link/link.js';
import { ID_BYTES, LayerOperation, Method, SelfTestKind, TENSOR_CHUNK_BYTES, Tensor } from '../link/messages.js';
import type { ConformanceCase, UnreadableCase } from '../network/conformance-case.js';
import { bytesOf, putNetwork, readState, readTensor } from '../training/network-on-device.js';
import { sessionIdOf } from '../training/session-id.js';
import { verifyPersistently } from '../training/verification.js';
import { fail, type Outcome, pass } from './selftest-outcome.js';

const MEGABYTE = 1024 * 1024;

/** Replays conformance cases. Those that need more memory or flash than the board has are left out, and counted. */
export async function checkArithmetic(
  connection: Connection,
  cases: readonly (ConformanceCase | UnreadableCase)[],
  signal: AbortSignal,
  onCase: (name: string) => void,
): Promise<Outcome> {
  let [replayed, steps] = [0, 0];
  for (const expected of cases) {
    if ('error' in expected) return fail(`case ${expected.name} cannot be read: ${expected.error.message}`);
    onCase(expected.name);
    const verdict = await verifyPersistently(connection, expected, signal);
    if (verdict.firstDifference) {
      const { step, layer, tensor } = verdict.firstDifference;
      const where = layer === null ? tensor : `layer ${layer}, ${tensor}`;
      return fail(`case ${expected.name} differs first in step ${step}, ${where}`, { case: expected.name, step });
    }
    if (verdict.match !== true) continue;
    replayed += 1;
    steps += verdict.steps;
  }
  const values = { cases: replayed, casesLeftOut: cases.length - replayed, steps };
  if (replayed === 0) return fail('no case could be replayed', values);
  const leftOut = values.casesLeftOut > 0 ? `; ${values.casesLeftOut} need more than this board has` : '';
  return pass(`${replayed} cases, ${steps} steps as recorded${leftOut}`, values);
}

/** The watchdog's 8 s, and what a start takes. */
const WATCHDOG_MS = 9_500;

/** Trains half a case, keeps a checkpoint in flash, has the watchdog reset the board, and goes on from the checkpoint. */
export async function checkWatchdog(
  connection: Connection,
  { network, method, threshold, mu, stateInitial, stateFinal, steps, images }: ConformanceCase,
  signal: AbortSignal,
): Promise<Outcome> {
  const settings = { method, threshold, ...(mu !== undefined && { mu }) };
  const sessionId = sessionIdOf(network, settings, 0, stateInitial);
  const half = Math.trunc(steps.length / 2);
  const train = async (state: Int8Array, begin: number, end: number) => {
    const { link } = connection;
    await putNetwork(link, network, settings, state, { signal });
    await link.request('startSession', { sessionId, nextStep: begin }, { signal });
    const frames = steps.slice(begin, end).map(({ label }, at) => ({ label, image: images[begin + at]! }));
    for await (const _ of link.steps({ sessionId, firstStep: begin }, frames, { signal }));
  };
  await train(stateInitial, 0, half);
  const keeps = connection.link.hello.checkpointBytes > 0;
  const trainingId = new Uint8Array(ID_BYTES);
  if (keeps) await connection.link.request('saveCheckpoint', { sessionId, trainingId, nextStep: half }, { signal });
  const held = keeps ? undefined : await readState(connection.link, network, {});

  const { bootId } = connection.link.hello;
  await connection.link.request('selfTest', { kind: SelfTestKind.SELF_TEST_KIND_HANG }, { signal });
  const started = connection.link.device.clock.nowMs();
  await connection.link.device.clock.delay(WATCHDOG_MS, signal).catch(() => signal.throwIfAborted());
  const after = await greetedAgain(connection, signal);
  const waitedMs = Math.round(connection.link.device.clock.nowMs() - started);
  if (after === undefined || after.bootId === bootId)
    return fail('a board that hangs is not reset by its watchdog', { waitedMs });
  if (after.resetCause !== 'watchdog')
    return fail(`after its watchdog the board says: ${after.resetCause}`, { waitedMs });

  const state = held ?? (await checkpointOf(connection.link, half));
  if (!state) return fail('the checkpoint in flash is not what was saved', { waitedMs });
  await train(state, half, steps.length);
  const end = bytesOf(await readState(connection.link, network, {}));
  if (Buffer.compare(end, bytesOf(stateFinal)) !== 0)
    return fail('resumed, the session ends in another state', { waitedMs });
  const from = keeps ? 'the checkpoint in flash' : 'the state that the host had';
  return pass(`reset by its watchdog, resumed from ${from}, the same state in the end`, { waitedMs, nextStep: half });
}

/** Undefined: the board does not answer any more, nor does it come back. */
async function greetedAgain(connection: Connection, signal: AbortSignal): Promise<HelloReply | undefined> {
  try {
    return await connection.link.greetAgain(signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!connection.canRecover(error)) return undefined;
    await connection.recover(error, signal);
    return connection.link.hello;
  }
}

async function checkpointOf(link: Link, nextStep: number): Promise<Int8Array | undefined> {
  const checkpoint = await link.request('readCheckpoint', {});
  if (checkpoint.nextStep !== nextStep || checkpoint.stateBytes === 0) return undefined;
  return readTensor(link, Tensor.TENSOR_CHECKPOINT, checkpoint.stateBytes);
}

/** A layer whose state fills a good part of the arena: what the line is tried with. */
const LINE_INPUTS = 1024;
const LINE_OUTPUTS = 32;
const LINE_BYTES = LINE_INPUTS * LINE_OUTPUTS;

/** How much is sent both ways, and how long at most on the device's clock. */
export interface LineAmount {
  readonly megabytes: number;
  readonly seconds?: number;
}

/** Sends bytes there, and there and back, every one that comes back compared. */
export async function checkLine(
  connection: Connection,
  { megabytes, seconds: mostSeconds = Number.POSITIVE_INFINITY }: LineAmount,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Outcome> {
  const { link } = connection;
  const { clock } = link.device;
  const layer = {
    operation: LayerOperation.LAYER_OPERATION_LINEAR,
    inHeight: 1,
    inWidth: 1,
    inChannels: LINE_INPUTS,
    outChannels: LINE_OUTPUTS,
  };
  const before = { ...link.statistics };
  const startedMs = clock.nowMs();
  const elapsedSeconds = () => (clock.nowMs() - startedMs) / 1000;
  let [wrong, sent, received] = [0, 0, 0];
  for (let round = 0; sent + received < megabytes * MEGABYTE && elapsedSeconds() < mostSeconds; round++) {
    // 0..126, of which zeros make long frames and others short ones
    const pattern = Uint8Array.from({ length: LINE_BYTES }, (_, at) => ((at * (2 * round + 1)) ^ (at >> 7)) % 127);
    await link.request('openNetwork', { method: Method.METHOD_PRIOT, threshold: -64, layers: [layer] }, { signal });
    for (const tensor of [Tensor.TENSOR_WEIGHTS, Tensor.TENSOR_STATE]) {
      for await (const _ of link.pipeline('writeTensor', chunksOf(tensor, pattern), { signal }));
      await link.request('commitTensor', { tensor }, { signal });
    }
    const back = await readTensor(link, Tensor.TENSOR_STATE, LINE_BYTES);
    wrong += back.reduce((sum, byte, at) => sum + (byte === pattern[at] ? 0 : 1), 0);
    sent += 2 * LINE_BYTES;
    received += LINE_BYTES;
    onBytes(sent + received);
  }
  const seconds = elapsedSeconds();
  const bytes = sent + received;
  const after = link.statistics;
  const values = {
    bytesSent: sent,
    bytesReceived: received,
    seconds: Math.round(seconds * 1000) / 1000,
    kilobytesPerSecond: Math.round(bytes / 1024 / seconds),
    roundTripMs: Math.round(after.roundTripMs * 1000) / 1000,
    crcErrors: after.crcErrors - before.crcErrors,
    retries: after.retries - before.retries,
    wrongBytes: wrong,
  };
  if (wrong > 0) return fail(`${wrong} bytes came back changed`, values);
  if (values.crcErrors > 0) return fail(`the line damages frames: ${values.crcErrors} of them`, values);
  if (values.retries > 0) return fail(`the line loses frames: ${values.retries} were sent again`, values);
  return pass(
    `${(bytes / MEGABYTE).toFixed(1)} MB there and back, ${values.kilobytesPerSecond} KB per second, round trip ${after.roundTripMs.toFixed(1)} ms, no error`,
    values,
  );
}

function* chunksOf(tensor: Tensor, bytes: Uint8Array) {
  for (let offset = 0; offset < bytes.length; offset += TENSOR_CHUNK_BYTES) {
    yield { tensor, offset, data: bytes.subarray(offset, offset + TENSOR_CHUNK_BYTES) };
  }
}
