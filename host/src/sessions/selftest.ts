/** Tries a board: what it is, its clocks, memories, arithmetic, watchdog and line, beside what the emulator does. */

import type { Calibration } from '../bench/calibration.js';
import { openEmulator } from '../device/emulator/emulator.js';
import type { Place } from '../device/place.js';
import { DeviceError, PriotError } from '../errors.js';
import { hexadecimal, replaceFile } from '../files.js';
import type { Connection } from '../link/connection.js';
import { Link } from '../link/link.js';
import { type ConformanceCase, readCases, type UnreadableCase } from '../network/conformance-case.js';
import { complete } from '../options/option.js';
import { type SelfTestOptions, selfTestOptions } from '../options/selftest.js';
import type { CommonEvent, Context } from './events.js';
import { openDevice } from './open-device.js';
import { defaultCases, packageDescription } from './package-files.js';
import * as checks from './selftest-checks.js';
import * as conversation from './selftest-conversation.js';
import type { Outcome } from './selftest-outcome.js';

export interface SelfTestCheck extends Outcome {
  readonly name: string;
}

/** What `priot selftest --json` prints, and what its file holds. */
export interface SelfTestDocument {
  readonly verdict: 'pass' | 'fail';
  /** The verdict in a line. */
  readonly text: string;
  readonly place: Place;
  readonly priot: string;
  readonly firmware: { readonly commit: string; readonly compiler: string; readonly flags: string };
  readonly boardId: string;
  readonly checks: readonly SelfTestCheck[];
  /** What benchmarks took beside the emulator; empty when they could not be run. */
  readonly calibration: readonly Calibration[];
  readonly wallSeconds: number;
}

/** What the checks are run with. */
export interface SelfTestPlan {
  readonly cases: readonly (ConformanceCase | UnreadableCase)[];
  /** Of frames there and back; left out: 64 on a board, or what goes in 90 s, and 1 elsewhere. */
  readonly megabytes?: number | undefined;
  readonly interactive?: boolean;
  /** Names of the checks to run; left out: all. */
  readonly only?: readonly string[];
}

/** All of the self test is to take two minutes on a board: what its line cannot carry in the time is not sent. */
const USUAL_AMOUNTS = { board: { megabytes: 64, seconds: 90 }, other: { megabytes: 1 } } as const;
/** The case that is interrupted: it trains PRIOT, in the least time. */
const WATCHDOG_CASE = 'priot-saturated';
const UNPLUG_SECONDS = 60;

/**
 * Tries a device and writes what was found into a file, whatever the verdict.
 * @throws UsageError of the options; DeviceError when the device cannot be opened; what writing a file throws; the
 * signal's reason
 */
export async function selfTest(
  options: SelfTestOptions = {},
  context: Context<CommonEvent> = {},
): Promise<SelfTestDocument> {
  const { megabytes, interactive, out, ...choice } = complete('selftest', selfTestOptions, options);
  const cases = readCases(defaultCases);
  const connection = await openDevice(choice, context);
  try {
    const document = await runSelfTest(connection, { cases, megabytes, interactive: interactive === true }, context);
    replaceFile(out, [Buffer.from(`${JSON.stringify(document, null, 2)}\n`)], 'name another file: --out');
    return document;
  } finally {
    await connection.close();
  }
}

/** Runs the checks on a device that is open. A check that the device does not survive fails; those after it are tried. */
export async function runSelfTest(
  connection: Connection,
  { cases, megabytes, interactive = false, only }: SelfTestPlan,
  context: Context<CommonEvent> = {},
): Promise<SelfTestDocument> {
  const { signal = new AbortController().signal, onEvent } = context;
  const startedMs = performance.now();
  const { hello, place } = connection.link;
  const calibration: Calibration[] = [];
  const progress = (text: string) =>
    onEvent?.({ type: 'progress', what: 'self test', done: done.length, of: work.length, text });
  const all: [string, () => Promise<Outcome> | Outcome][] = [
    ['identity', () => checks.checkIdentity(hello)],
    ['clock', () => checks.checkClock(connection.link, signal)],
    ['SRAM', () => checks.checkMemory(connection.link, signal)],
    ['flash', () => checks.checkFlash(connection.link, signal)],
    ['temperature', () => checks.checkTemperature(connection.link, signal)],
    [
      'cycles',
      async () => {
        const emulator = await Link.open(await openEmulator());
        try {
          const result = await checks.checkCycles(connection.link, emulator, signal);
          calibration.push(...result.calibration);
          return result.outcome;
        } finally {
          await emulator.close();
        }
      },
    ],
    [
      'arithmetic',
      () => conversation.checkArithmetic(connection, cases, signal, (name) => progress(`arithmetic: ${name}`)),
    ],
    [
      'watchdog',
      () => {
        const readable = cases.filter((entry): entry is ConformanceCase => !('error' in entry));
        const interrupted = readable.find(({ name }) => name === WATCHDOG_CASE) ?? readable[0];
        if (!interrupted) return { status: 'skipped', text: 'no case to interrupt', values: {} } as const;
        return conversation.checkWatchdog(connection, interrupted, signal);
      },
    ],
    [
      'USB',
      () => {
        const amount =
          megabytes === undefined ? USUAL_AMOUNTS[place === 'hardware' ? 'board' : 'other'] : { megabytes };
        return conversation.checkLine(connection, amount, signal, (bytes) => progress(`USB: ${bytes} bytes`));
      },
    ],
    ...(interactive
      ? [['unplug', () => unplugged(connection, signal, onEvent)] as [string, () => Promise<Outcome>]]
      : []),
  ];
  const work = all.filter(([name]) => only?.includes(name) ?? true);
  const done: SelfTestCheck[] = [];
  for (const [name, check] of work) {
    progress(name);
    done.push({ name, ...(await attempt(connection, check, signal)) });
  }
  const failed = done.filter(({ status }) => status === 'fail');
  const first = failed[0];
  return {
    verdict: first ? 'fail' : 'pass',
    text: first ? `FAILED: ${first.name}: ${first.text}` : `passed: ${done.length} checks of ${place} board`,
    place,
    priot: packageDescription().version,
    firmware: { commit: hello.firmwareCommit, compiler: hello.firmwareCompiler, flags: hello.firmwareFlags },
    boardId: hexadecimal(hello.boardId),
    checks: done,
    calibration,
    wallSeconds: (performance.now() - startedMs) / 1000,
  };
}

async function attempt(
  connection: Connection,
  check: () => Promise<Outcome> | Outcome,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    return await check();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof PriotError)) throw error;
    if (connection.canRecover(error)) await connection.recover(error, signal).catch(() => {});
    return { status: 'fail', text: error.message, values: { code: error.code } };
  }
}

/** Waits for the user to pull the cable and put it back. */
async function unplugged(
  connection: Connection,
  signal: AbortSignal,
  onEvent: Context<CommonEvent>['onEvent'],
): Promise<Outcome> {
  const { clock, description } = connection.link.device;
  if (description.kind !== 'serial') return { status: 'skipped', text: 'nothing is plugged in', values: {} };
  onEvent?.({ type: 'notice', text: `now unplug the board, and plug it in again (within ${UNPLUG_SECONDS} s)` });
  const endMs = clock.nowMs() + UNPLUG_SECONDS * 1000;
  while (clock.nowMs() < endMs) {
    try {
      await connection.link.request('readStatistics', {}, { signal });
      await clock.delay(500, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DeviceError)) throw error;
      await connection.recover(error, signal);
      return { status: 'pass', text: 'the same board came back', values: {} };
    }
  }
  return { status: 'fail', text: `the board was not unplugged within ${UNPLUG_SECONDS} s`, values: {} };
}
