/** Replays conformance cases on a device and names the first difference of each. */
import type { Place } from '../device/place.js';
import { findCases, loadCase } from '../network/conformance-case.js';
import { type VerifyOptions, verifyOptions } from '../options/measure.js';
import { complete } from '../options/option.js';
import { type CaseVerdict, verifyPersistently } from '../training/verification.js';
import type { CommonEvent, Context } from './events.js';
import { openDevice } from './open-device.js';
import { defaultCases } from './package-files.js';

/** What `priot verify --json` prints. */
export interface VerificationDocument {
  readonly place: Place;
  readonly cases: readonly CaseVerdict[];
}

/**
 * Replays cases on a device, one after another.
 * @throws UsageError of the options; DataError of the cases; DeviceError; the signal's reason
 */
export async function verify(
  options: VerifyOptions = {},
  context: Context<CommonEvent> = {},
): Promise<VerificationDocument> {
  const { cases: folder = defaultCases, ...choice } = complete('verify', verifyOptions, options);
  const { signal = new AbortController().signal, onEvent } = context;
  const cases = findCases(folder).map(loadCase);
  const connection = await openDevice(choice, context);
  try {
    const verdicts: CaseVerdict[] = [];
    for (const expected of cases) {
      const done = verdicts.length;
      onEvent?.({ type: 'progress', what: 'cases', done, of: cases.length, text: expected.name });
      verdicts.push(await verifyPersistently(connection, expected, signal));
    }
    return { place: connection.link.place, cases: verdicts };
  } finally {
    await connection.close();
  }
}
