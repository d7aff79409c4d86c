/** The checks of `priot selftest` that a board makes of itself: identity, clocks, memories, temperature, cycles. */

import { type Calibration, calibrate } from '../bench/calibration.js';
import type { HelloReply, Link } from '../link/link.js';
import { SelfTestKind } from '../link/messages.js';
import { fail, type Outcome, pass, skipped } from './selftest-outcome.js';

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

const CLOCK_SPANS_PER_SECOND = 20;
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
  if (off(awake)) return fail(`SysTick counts ${awake} cycles in 50 ms of the timer instead of ${expected}`, values);
  if (off(asleep)) return fail(`asleep, SysTick counts ${asleep} cycles in 50 ms instead of ${expected}`, values);
  if (Math.abs(frames - FRAMES) > FRAMES_TOLERANCE) {
    return fail(
      `the board counts ${frames} USB frames in 200 ms instead of ${FRAMES}: its crystal, or its speed`,
      values,
    );
  }
  return pass(`${awake} cycles in 50 ms awake, ${asleep} asleep, ${frames} USB frames in 200 ms`, values);
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
  const calibration = calibrate(measured, emulated);
  const known = calibration.flatMap(({ name, ratio }) => (ratio === null ? [] : [{ name, ratio }]));
  const values = Object.fromEntries(known.map(({ name, ratio }) => [name, Number(ratio.toFixed(3))]));
  const strange = known.slice(0, EXACT).find(({ ratio }) => Math.abs(ratio - 1) > EXACT_TOLERANCE);
  if (strange) {
    const { name, ratio } = strange;
    const text = `a ${name} in SRAM takes ${ratio.toFixed(2)} times the cycles it should`;
    return { outcome: fail(text, values), calibration };
  }
  const text = known.map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}`).join(', ');
  return { outcome: pass(`times the emulator's cycles: ${text}`, values), calibration };
}
