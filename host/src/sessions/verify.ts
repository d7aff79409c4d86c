/** Replays conformance cases on a device and names the first difference of each. */
import type { Place } from '../device/place.js';
import { readCases } from '../network/conformance-case.js';
import { type VerifyOptions, verifyOptions } from '../options/measure.js';
import { complete } from '../options/option.js';
import { type CaseVerdict, unreadable, verifyPersistently } from '../training/verification.js';
import type { CommonEvent, Context } from './events.js';
import { openDevice } from './open-device.js';
import { defaultCases } from './package-files.js';

/** What `priot verify --json` prints. */
export interface VerificationDocument {
  readonly place: Place;
  readonly cases: readonly CaseVerdict[];
}

/**
 * Replays cases on a device, one after another. One that cannot be read is a verdict with an error.
 * @throws UsageError of the options; DataError NO_CASES; DeviceError; the signal's reason
 */
export async function verify(
  options: VerifyOptions = {},
  context: Context<CommonEvent> = {},
): Promise<VerificationDocument> {
  const { cases: folder = defaultCases, cores, ...choice } = complete('verify', verifyOptions, options);
  const { signal = new AbortController().signal, onEvent } = context;
  const cases = readCases(folder);
  const connection = await openDevice(choice, context);
  try {
    const verdicts: CaseVerdict[] = [];
    for (const expected of cases) {
      const done = verdicts.length;
      onEvent?.({ type: 'progress', what: 'cases', done, of: cases.length, text: expected.name });
      verdicts.push(
        'error' in expected ? unreadable(expected) : await verifyPersistently(connection, expected, signal, cores),
      );
    }
    return { place: connection.link.place, cases: verdicts };
  } finally {
    await connection.close();
  }
}
