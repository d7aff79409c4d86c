/** The checks of `priot selftest`: each looks at one part of a board, and says what it found in figures. */
import type { Connection } from '../link/connection.js';
import type { HelloReply, Link } from '../link/link.js';
import { LayerOperation, Method, SelfTestKind, TENSOR_CHUNK_BYTES, Tensor } from '../link/messages.js';
import type { ConformanceCase } from '../network/conformance-case.js';
import { bytesOf, putNetwork, readState, readTensor } from '../training/network-on-device.js';
import { sessionIdOf } from '../training/session-id.js';
import { verifyPersistently } from '../training/verification.js';

/** What a check found. */
export interface Outcome {
  readonly status: 'pass' | 'fail' | 'skipped';
  readonly text: string;
  /** What was measured, in the units that the names end with. */
  readonly values: Readonly<Record<string, number | string>>;
}

/** What a benchmark took on this device beside the emulator. */
export interface Calibration {
  readonly name: string;
  /** Cycles of 1,024. */
  readonly measured: number;
  readonly emulated: number;
  readonly ratio: number;
}

type Values = Outcome['values'];
const pass = (text: string, values: Values = {}): Outcome => ({ status: 'pass', text, values });
const fail = (text: string, values: Values = {}): Outcome => ({ status: 'fail', text, values });
const skipped = (text: string): Outcome => ({ status: 'skipped', text, values: {} });
const hex = (value: number) => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

async function measure(link: Link, kind: SelfTestKind, signal: AbortSignal): Promise<number[]> {
  return (await link.request('selfTest', { kind }, { signal })).values;
}

const MEGABYTE = 1024 * 1024;
const BOARD_ID_BYTES = 8;

/** Looks at what the board says it is. */
export function checkIdentity({
  boardId,
  chipRevision,
  bootRomVersion,
  flashJedecId,
  flashBytes,
  clockHz,
}: HelloReply): Outcome {
  const id = Buffer.from(boardId).toString('hex');
  const values = { boardId: id, chipRevision, bootRomVersion, flashJedecId: hex(flashJedecId), flashBytes, clockHz };
  const text = `chip revision ${chipRevision}, boot ROM ${bootRomVersion}, ${flashBytes / MEGABYTE} MB of flash, ${clockHz / 1e6} MHz`;
  for (const byte of ['00', 'ff']) {
    if (id === byte.repeat(BOARD_ID_BYTES)) return fail(`the flash chip tells no id of its own: ${id}`, values);
  }
  if (clockHz === 0) return fail('the device has no clock: it is no board', values);
  return pass(text, values);
}

const CLOCK_SPANS_PER_SECOND = 10;
const FRAMES = 200;
/** The timer and SysTick come from the same crystal: what differs is when they are read. */
const SAME_CRYSTAL = 1e-3;
/** 200 frames are counted to one; both crystals together are far more exact. */
const FRAMES_TOLERANCE = 1;

/** Compares the board's clocks with one another, and with the host's, which starts a USB frame every millisecond. */
export async function checkClock(link: Link, signal: AbortSignal): Promise<Outcome> {
  const [awake = 0, asleep = 0, frames = 0] = await measure(link, SelfTestKind.SELF_TEST_KIND_CLOCK, signal);
  const expected = link.hello.clockHz / CLOCK_SPANS_PER_SECOND;
  const values = { awakeCycles: awake, asleepCycles: asleep, expectedCycles: expected, framesIn200Ms: frames };
  const off = (cycles: number) => Math.abs(cycles / expected - 1) > SAME_CRYSTAL;
  if (off(awake)) return fail(`SysTick counts ${awake} cycles in 100 ms of the timer instead of ${expected}`, values);
  if (off(asleep)) return fail(`asleep, SysTick counts ${asleep} cycles in 100 ms instead of ${expected}`, values);
  if (Math.abs(frames - FRAMES) > FRAMES_TOLERANCE) {
    return fail(
      `the board counts ${frames} USB frames in 200 ms instead of ${FRAMES}: its crystal, or its speed`,
      values,
    );
  }
  return pass(`${awake} cycles in 100 ms awake, ${asleep} asleep, ${frames} USB frames in 200 ms`, values);
}

/** Marches over all of the SRAM that networks use. */
export async function checkMemory(link: Link, signal: AbortSignal): Promise<Outcome> {
  const [bytes = 0, errors = 0, address = 0, expected = 0, found = 0] = await measure(
    link,
    SelfTestKind.SELF_TEST_KIND_MEMORY,
    signal,
  );
  if (errors === 0) return pass(`${bytes} bytes of SRAM, every bit both ways`, { bytes, errors });
  const values = { bytes, errors, address: hex(address), expected: hex(expected), found: hex(found) };
  return fail(
    `SRAM at ${hex(address)} holds ${hex(found)} instead of ${hex(expected)}; ${errors} words are wrong`,
    values,
  );
}

/** Erases, programs and reads a sector that is in nobody's use. */
export async function checkFlash(link: Link, signal: AbortSignal): Promise<Outcome> {
  if (link.hello.weightsFlashBytes === 0) return skipped('less than 2 MB of flash: nothing is programmed');
  const [erased = 0, programmed = 0, cleared = 0, erasedAgain = 0, eraseUs = 0, programUs = 0] = await measure(
    link,
    SelfTestKind.SELF_TEST_KIND_FLASH,
    signal,
  );
  const values = {
    notErased: erased,
    notProgrammed: programmed,
    notCleared: cleared,
    notErasedAgain: erasedAgain,
    eraseUs,
    programUs,
  };
  if (erased + erasedAgain > 0) return fail(`flash does not erase: ${erased + erasedAgain} bytes are not 0xff`, values);
  if (programmed + cleared > 0) return fail(`flash does not program: ${programmed + cleared} bytes are wrong`, values);
  return pass(
    `a sector erased in ${(eraseUs / 1000).toFixed(1)} ms, a page programmed in ${(programUs / 1000).toFixed(2)} ms`,
    values,
  );
}

/** RP2040 datasheet 4.9: 0.706 V at 27 degrees, 1.721 mV less for each degree more. */
const ADC_VOLTS = 3.3 / 4096;
const COLDEST = -20;
const HOTTEST = 85;

/** Reads the chip's temperature. */
export async function checkTemperature(link: Link, signal: AbortSignal): Promise<Outcome> {
  const [raw = 0] = await measure(link, SelfTestKind.SELF_TEST_KIND_TEMPERATURE, signal);
  const celsius = Math.round((27 - (raw * ADC_VOLTS - 0.706) / 0.001721) * 10) / 10;
  const values = { raw, celsius };
  if (celsius < COLDEST || celsius > HOTTEST) return fail(`the temperature sensor says ${celsius} degrees`, values);
  return pass(`${celsius} degrees Celsius`, values);
}

const BENCHMARKS = [
  'multiply',
  'load',
  'store',
  'branch',
  'flash line, cached',
  'flash line, missed',
  'interrupt',
  'load beside DMA',
];
/** What runs in SRAM alone is the same on every RP2040. */
const EXACT = 4;
const EXACT_TOLERANCE = 0.02;

/** Measures what instructions, flash and interrupts cost, beside what they cost in the emulator. */
export async function checkCycles(
  link: Link,
  emulator: Link,
  signal: AbortSignal,
): Promise<{ outcome: Outcome; calibration: Calibration[] }> {
  const measured = await measure(link, SelfTestKind.SELF_TEST_KIND_CYCLES, signal);
  const emulated = await measure(emulator, SelfTestKind.SELF_TEST_KIND_CYCLES, signal);
  const calibration = BENCHMARKS.map((name, at) => {
    const [own, model] = [measured[at] ?? 0, emulated[at] ?? 0];
    return { name, measured: own, emulated: model, ratio: model > 0 ? own / model : 0 };
  });
  const values = Object.fromEntries(calibration.map(({ name, ratio }) => [name, Number(ratio.toFixed(3))]));
  const strange = calibration.slice(0, EXACT).find(({ ratio }) => Math.abs(ratio - 1) > EXACT_TOLERANCE);
  if (strange) {
    const { name, ratio } = strange;
    return {
      outcome: fail(`a ${name} in SRAM takes ${ratio.toFixed(2)} times the cycles it should`, values),
      calibration,
    };
  }
  const text = calibration.map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}`).join(', ');
  return { outcome: pass(`times the emulator's cycles: ${text}`, values), calibration };
}

/** Replays conformance cases. */
export async function checkArithmetic(
  connection: Connection,
  cases: readonly ConformanceCase[],
  signal: AbortSignal,
  onCase: (name: string) => void,
): Promise<Outcome> {
  let steps = 0;
  for (const expected of cases) {
    onCase(expected.name);
    const verdict = await verifyPersistently(connection, expected, signal);
    if (verdict.firstDifference) {
      const { step, layer, tensor } = verdict.firstDifference;
      const where = layer === null ? tensor : `layer ${layer}, ${tensor}`;
      return fail(`case ${expected.name} differs first in step ${step}, ${where}`, { case: expected.name, step });
    }
    steps += verdict.match ? verdict.steps : 0;
  }
  return pass(`${cases.length} cases, ${steps} steps as recorded`, { cases: cases.length, steps });
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
  const trainingId = new Uint8Array(BOARD_ID_BYTES);
  if (keeps) await connection.link.request('saveCheckpoint', { sessionId, trainingId, nextStep: half }, { signal });
  const held = keeps ? undefined : await readState(connection.link, network);

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
  const end = bytesOf(await readState(connection.link, network));
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

/** Sends bytes there and back, every one compared. */
export async function checkLine(
  connection: Connection,
  megabytes: number,
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
  let wrong = 0;
  let bytes = 0;
  for (let round = 0; bytes < megabytes * MEGABYTE; round++) {
    // 0..126, of which zeros make long frames and others short ones
    const pattern = Uint8Array.from({ length: LINE_BYTES }, (_, at) => ((at * (2 * round + 1)) ^ (at >> 7)) % 127);
    await link.request('openNetwork', { method: Method.METHOD_PRIOT, threshold: -64, layers: [layer] }, { signal });
    for (const tensor of [Tensor.TENSOR_WEIGHTS, Tensor.TENSOR_STATE]) {
      for await (const _ of link.pipeline('writeTensor', chunksOf(tensor, pattern), { signal }));
      await link.request('commitTensor', { tensor }, { signal });
    }
    const back = await readTensor(link, Tensor.TENSOR_STATE, LINE_BYTES);
    wrong += back.reduce((sum, byte, at) => sum + (byte === pattern[at] ? 0 : 1), 0);
    bytes += 3 * LINE_BYTES;
    onBytes(bytes);
  }
  const seconds = (clock.nowMs() - startedMs) / 1000;
  const after = link.statistics;
  const values = {
    bytes,
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
    `${(bytes / MEGABYTE).toFixed(1)} MB there and back, ${values.kilobytesPerSecond} KB per second, no error`,
    values,
  );
}

function* chunksOf(tensor: Tensor, bytes: Uint8Array) {
  for (let offset = 0; offset < bytes.length; offset += TENSOR_CHUNK_BYTES) {
    yield { tensor, offset, data: bytes.subarray(offset, offset + TENSOR_CHUNK_BYTES) };
  }
}
