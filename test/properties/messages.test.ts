import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PriotError } from '#host/errors.js';
import { decodeDeviceMessage } from '#host/link/messages.js';
import { priot } from '#proto';
import { anyDeviceMessage } from './device-messages.js';

const MAX_UINT32 = 0xffff_ffff;

/** Decodes, or fails with an error of ours; the envelope of what decodes is in range. */
function decodes(payload: Uint8Array): void {
  try {
    const message = decodeDeviceMessage(payload);
    for (const number of [message.requestId, message.nextStep, message.windowEnd]) {
      expect(Number.isInteger(number) && number >= 0 && number <= MAX_UINT32).toBe(true);
    }
  } catch (error) {
    expect(error).toBeInstanceOf(PriotError);
  }
}

test('any bytes decode to a device message or to an error of ours', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), decodes), { numRuns: 2000 });
});

test('device messages with any values decode or are refused', () => {
  fc.assert(
    fc.property(anyDeviceMessage, (message) => decodes(priot.DeviceMessage.encode(message).finish())),
    { numRuns: 2000 },
  );
});

test('a damaged device message decodes or is refused', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anyDeviceMessage, damage, fc.nat(), (message, flips, cut) => {
      const payload = priot.DeviceMessage.encode(message).finish();
      for (const [at, flip] of flips) payload[at % Math.max(1, payload.length)]! ^= flip;
      decodes(payload);
      decodes(payload.subarray(0, cut % (payload.length + 1)));
    }),
    { numRuns: 2000 },
  );
});
