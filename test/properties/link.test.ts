import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PriotError } from '#host/errors.js';
import { encodeFrame } from '#host/link/frame.js';
import { Link } from '#host/link/link.js';
import { priot } from '#proto';
import { FakeDevice } from '../link/fake-device.js';
import { anyDeviceMessage } from './device-messages.js';

type Message = priot.DeviceMessage.$Properties;

const unhandled: unknown[] = [];
const remember = (reason: unknown) => unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', remember));
afterAll(() => void process.off('unhandledRejection', remember));

/** Runs to an end: a value, or an error of ours. */
async function ends(work: () => Promise<unknown>): Promise<void> {
  await work().catch((error: unknown) => expect(error).toBeInstanceOf(PriotError));
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const frames = Array.from({ length: 6 }, (_, label) => ({ label, image: new Uint8Array(4) }));
const session = { sessionId: new Uint8Array(8), firstStep: 0 };

/** Everything a host does with a link. */
async function converse(device: FakeDevice): Promise<void> {
  await ends(async () => {
    const link = await Link.open(device);
    try {
      await ends(() => link.request('openNetwork', { layers: [] }));
      await ends(() => drain(link.pipeline('evaluate', [{ index: 0 }, { index: 1 }, { index: 2 }])));
      await ends(() => drain(link.pipeline('readTensor', [{ offset: 0, length: 8 }])));
      await ends(() => link.request('startSession', { sessionId: session.sessionId }));
      await ends(() => drain(link.steps(session, frames)));
      await ends(() => link.request('readStatistics', {}));
    } finally {
      await link.close();
    }
  });
  await device.close();
}

/** Decides about each request in turn: as it should be, silence, or a message of the device's choice. */
function answering(choices: readonly ('good' | 'silence' | Message)[]) {
  let turn = 0;
  return () => {
    const choice = choices[turn++ % choices.length]!;
    return choice === 'good' ? undefined : choice === 'silence' ? null : choice;
  };
}

const choices = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant('good' as const) },
    { weight: 1, arbitrary: fc.constant('silence' as const) },
    { weight: 3, arbitrary: anyDeviceMessage },
  ),
  { minLength: 1, maxLength: 12 },
);

test('whatever a device answers, every request of the host ends, with an error of ours at worst', async () => {
  await fc.assert(
    fc.asyncProperty(choices, (answers) => converse(new FakeDevice({ answer: answering(answers) }))),
    { numRuns: 150 },
  );
  expect(unhandled).toEqual([]);
});

test('messages nobody asked for, and bytes that are none, end nothing but the conversation', async () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }).map((payload) => encodeFrame(payload)),
    anyDeviceMessage.map((message) => encodeFrame(priot.DeviceMessage.encode(message).finish())),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 10 }), async (pieces) => {
      let next = 0;
      const device: FakeDevice = new FakeDevice({
        answer: () => {
          const piece = pieces[next++];
          if (piece) device.sayBytes(piece);
          return undefined;
        },
      });
      await converse(device);
    }),
    { numRuns: 150 },
  );
  expect(unhandled).toEqual([]);
});
