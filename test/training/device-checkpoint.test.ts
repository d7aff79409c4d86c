/** A session that another host goes on with, from the checkpoint that the device keeps. */
import { afterEach, describe, expect, it } from 'vitest';
import { SimulatedFlash } from '#host/device/simulator/simulated-flash.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Connection } from '#host/link/connection.js';
import { Link } from '#host/link/link.js';
import { edgeCount } from '#host/network/network-shape.js';
import {
  checkKeepsState,
  erasuresBy,
  findDeviceCheckpoint,
  readDeviceState,
  trainingIdOf,
} from '#host/training/device-checkpoint.js';
import { planSessionId, startAtZero } from '#host/training/plan.js';
import { type SessionEvent, TrainingSession } from '#host/training/session.js';
import { stateDigest } from '#host/training/session-id.js';
import { CASES, planOf } from '../faults/schedules.js';

const never = new AbortController().signal;
const plan = { ...planOf('priot-saturated'), epochs: 3 };
const trainingId = trainingIdOf(plan.training);
const connections: Connection[] = [];
afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
});

/** A host, and the device as the last one left it. */
async function host(flash: SimulatedFlash): Promise<Connection> {
  const connection = Connection.over(await Link.open(await openSimulator({ flash })));
  connections.push(connection);
  return connection;
}

/** Trains from the beginning or from the device's checkpoint, and goes away after `until`. */
async function train(
  flash: SimulatedFlash,
  session = plan,
  until: (event: SessionEvent) => boolean = () => false,
): Promise<SessionEvent[]> {
  const connection = await host(flash);
  const id = trainingIdOf(session.training);
  const found = await findDeviceCheckpoint(connection, never);
  const start =
    found === undefined
      ? startAtZero(session)
      : {
          ...startAtZero(session),
          nextStep: found.nextStep,
          state: await readDeviceState(connection, found, session, id, never),
        };
  const events: SessionEvent[] = [];
  const running = await TrainingSession.open(connection, session, start, never, id);
  for await (const event of running.run(never)) {
    events.push(event);
    if (until(event)) break;
  }
  return events;
}

function only<T extends SessionEvent['type']>(events: readonly SessionEvent[], type: T) {
  return events.filter((event) => event.type === type) as Extract<SessionEvent, { type: T }>[];
}

const finalDigest = (events: readonly SessionEvent[]) => stateDigest(only(events, 'checkpoint').at(-1)!.state);

describe("a session over a device's checkpoint", () => {
  for (const name of CASES) {
    it(`goes on on another host, wherever the first one was lost, to the same state (${name})`, async () => {
      const session = { ...planOf(name), epochs: 3 };
      const undisturbed = await train(new SimulatedFlash(), session);
      expect(only(undisturbed, 'device-checkpoint')).toEqual(
        [1, 2, 3].map((sequence) => ({ type: 'device-checkpoint', nextStep: 32 * sequence, sequence })),
      );
      for (const lost of [40, 63, 64, 80]) {
        const flash = new SimulatedFlash();
        await train(flash, session, (event) => event.type === 'step' && event.step === lost);
        const rest = await train(flash, session);
        const first = lost < 64 ? 32 : 64;
        expect(only(rest, 'step')).toEqual(only(undisturbed, 'step').slice(first));
        expect(finalDigest(rest)).toBe(finalDigest(undisturbed));
      }
    });
  }

  it('that was trained to its end is only evaluated', async () => {
    const flash = new SimulatedFlash();
    const first = await train(flash);
    const again = await train(flash);
    expect(only(again, 'step')).toEqual([]);
    expect(only(again, 'device-checkpoint')).toEqual([]);
    expect(only(again, 'epoch').at(-1)).toEqual(only(first, 'epoch').at(-1));
  });

  it('may go on for more epochs', async () => {
    const flash = new SimulatedFlash();
    await train(flash, { ...plan, epochs: 2 });
    expect(finalDigest(await train(flash))).toBe(finalDigest(await train(new SimulatedFlash())));
  });

  it('goes on without one when the flash is worn out, and says so', async () => {
    const flash = new SimulatedFlash();
    flash.program = () => {};
    const events = await train(flash);
    expect(only(events, 'device-checkpoint')).toEqual([]);
    expect(only(events, 'fault')).toMatchObject([32, 64, 96].map((step) => ({ code: 'FLASH_FAILED', step })));
    expect(finalDigest(events)).toBe(finalDigest(await train(new SimulatedFlash())));
  });
});

describe('what does not belong to the session is refused', () => {
  const messageOf = async (changed: Partial<typeof plan>, flash: SimulatedFlash) => {
    const connection = await host(flash);
    const session = { ...plan, ...changed };
    const found = await findDeviceCheckpoint(connection, never);
    const read = readDeviceState(connection, found, session, trainingIdOf(session.training), never);
    const error: unknown = await read.catch((reason: unknown) => reason);
    return error instanceof Error ? error.message : undefined;
  };

  it('none, another seed, other images, fewer steps', async () => {
    const flash = new SimulatedFlash();
    expect(await messageOf({}, flash)).toBe('the device holds no checkpoint');
    await train(flash);
    expect(await messageOf({}, flash)).toBeUndefined();
    const id = Buffer.from(planSessionId(plan)).toString('hex');
    expect(await messageOf({ seed: 2 }, flash)).toContain(`before step 96, is of session ${id}; these options are`);
    const images = planOf('niti-dynamic-strided').training;
    expect(await messageOf({ training: images }, flash)).toContain('is of other training images');
    expect(await messageOf({ epochs: 2 }, flash)).toContain('is beyond the last of the 64 steps asked for');
  });

  it('a state larger than the device keeps, a device that keeps none', async () => {
    const { hello } = (await host(new SimulatedFlash())).link;
    const bytes = edgeCount(plan.network);
    expect(() => checkKeepsState({ ...hello, checkpointBytes: bytes }, plan)).not.toThrow();
    expect(() => checkKeepsState({ ...hello, checkpointBytes: bytes - 1 }, plan)).toThrow(
      /the learned state takes [\d,]+ bytes/,
    );
    expect(() => checkKeepsState({ ...hello, checkpointBytes: 0 }, plan)).toThrow(/keeps no checkpoints/);
  });
});

it('the training id tells images and labels, and nothing else', () => {
  expect(trainingIdOf(plan.training)).toEqual(trainingId);
  const images = planOf('niti-dynamic-strided').training;
  expect(trainingIdOf(images)).not.toEqual(trainingId);
});

it('saves go into two slots', () => {
  expect([0, 1, 2, 3, 10].map(erasuresBy)).toEqual([0, 1, 1, 2, 5]);
});
