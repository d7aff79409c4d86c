import { describe, expect, it } from 'vitest';
import { CapacityError, DataError, DeviceError } from '#host/errors.js';
import { Link } from '#host/link/link.js';
import { Method, PROTOCOL_VERSION, Tensor } from '#host/link/messages.js';
import { priot } from '#proto';
import { FakeDevice, type FakeOptions } from './fake-device.js';

const SESSION_ID = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const { FailureCode } = priot;

async function open(options: FakeOptions = {}): Promise<{ device: FakeDevice; link: Link }> {
  const device = new FakeDevice(options);
  return { device, link: await Link.open(device) };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function frames(count: number): { label: number; image: Uint8Array }[] {
  return Array.from({ length: count }, (_, i) => ({ label: i % 10, image: Uint8Array.of((i * 7) & 127) }));
}

function evaluations(count: number): { index: number; image: Uint8Array }[] {
  return Array.from({ length: count }, (_, index) => ({ index, image: Uint8Array.of(index & 127) }));
}

/** The state of a device that had these frames, once each and in order. */
async function stateAfter(count: number): Promise<number> {
  const { device, link } = await open();
  await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
  await collect(link.steps({ sessionId: SESSION_ID, firstStep: 0 }, frames(count)));
  await link.close();
  return device.state;
}

describe('hello', () => {
  it('tells who is there; unset fields have their defaults', async () => {
    const { device, link } = await open();
    expect(link.place).toBe('simulated');
    expect(link.hello).toMatchObject({ firmwareCommit: 'abc1234', bootId: 7, clockHz: 0, resetCause: 'power-on' });
    expect(link.hello.lastPanic).toBeUndefined();
    expect(device.written[0]).toEqual(Uint8Array.of(0));
    await link.close();
    expect(device.closed).toBe(true);
  });

  it.each([
    ['PRIOTSIM', 'simulated'],
    ['PRIOTEMU', 'emulated'],
    ['E6614103', 'hardware'],
  ])('board %s is %s', async (boardId, place) => {
    const { link } = await open({ hello: { boardId: Buffer.from(boardId) } });
    expect(link.place).toBe(place);
    await link.close();
  });

  it('carries the panic of the run before', async () => {
    const lastPanic = { programCounter: 0x10000100, linkRegister: 0x10000200, reason: 'hard fault' };
    const { link } = await open({ hello: { lastPanic, resetCause: priot.ResetCause.RESET_CAUSE_PANIC } });
    expect(link.hello).toMatchObject({ lastPanic, resetCause: 'panic' });
    await link.close();
  });

  it('is repeated until the device answers', async () => {
    const { device, link } = await open({ answer: (_, attempt) => (attempt < 4 ? null : undefined) });
    expect(device.asked).toHaveLength(4);
    expect(link.statistics).toMatchObject({ retries: 3, timeouts: 3 });
    await link.close();
  });

  it('is understood behind what a host before left in the line', async () => {
    const device = new FakeDevice();
    device.say({ requestId: 1234, stepResult: { step: 3 } });
    device.sayBytes(Uint8Array.of(5, 9, 9));
    device.sayBytes(Uint8Array.of(0));
    const link = await Link.open(device);
    expect(link.statistics.crcErrors).toBe(1);
    await link.close();
  });

  it('unanswered means: not priot firmware', async () => {
    const device = new FakeDevice({ answer: () => null });
    const opened = Link.open(device);
    await expect(opened).rejects.toBeInstanceOf(DeviceError);
    await expect(opened).rejects.toMatchObject({ code: 'NOT_PRIOT', remedy: expect.stringContaining('priot flash') });
    expect(device.clock.nowMs()).toBe(7_750);
    expect(device.closed).toBe(true);
  });

  it('answered by text means: not priot firmware', async () => {
    const device = new FakeDevice({ answer: () => null });
    device.sayBytes(Buffer.from('MicroPython v1.22\r\n>>> '));
    await expect(Link.open(device)).rejects.toThrow(/sent 23 bytes, none of them an answer/);
  });

  it('of another protocol version names both and the way out', async () => {
    const device = new FakeDevice({
      hello: { protocolVersion: 9, resetCause: 77 as priot.ResetCause, boardId: new Uint8Array(3) },
    });
    await expect(Link.open(device)).rejects.toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      class: 'device',
      message: `protocol_version: the device speaks 9 (firmware abc1234), this host speaks ${PROTOCOL_VERSION}`,
      remedy: expect.stringContaining('priot flash'),
    });
  });

  it.each([
    ['board_id', { boardId: new Uint8Array(3) }],
    ['reset_cause', { resetCause: 77 }],
    ['window', { window: 0 }],
  ])('with a bad %s is refused by name', async (field, hello) => {
    await expect(Link.open(new FakeDevice({ hello }))).rejects.toThrow(field);
  });

  it('ends when the caller gives up', async () => {
    const device = new FakeDevice({ answer: () => null });
    await expect(Link.open(device, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(device.closed).toBe(true);
  });
});

describe('requests', () => {
  it('get their replies', async () => {
    const { link } = await open();
    expect(await link.request('openNetwork', { method: Method.METHOD_PRIOT, layers: [] })).toMatchObject({
      arenaBytes: 1000,
      requiredBytes: 0,
    });
    expect(await link.request('readTensor', { tensor: Tensor.TENSOR_STATE, offset: 5, length: 2 })).toEqual({
      tensor: Tensor.TENSOR_STATE,
      offset: 5,
      data: Uint8Array.of(5, 5),
    });
    await link.close();
  });

  it('leave no timer behind', async () => {
    const { device, link } = await open();
    await link.request('readStatistics', {});
    expect(device.clock.timers).toBe(0);
    await link.close();
  });

  it.each([
    [FailureCode.FAILURE_CODE_BAD_NETWORK, DataError, 'BAD_NETWORK', 'data'],
    [FailureCode.FAILURE_CODE_OUT_OF_RANGE, DataError, 'OUT_OF_RANGE', 'data'],
    [FailureCode.FAILURE_CODE_OVERFLOW, CapacityError, 'ACCUMULATOR_OVERFLOW', 'capacity'],
    [FailureCode.FAILURE_CODE_OUT_OF_MEMORY, CapacityError, 'NETWORK_TOO_LARGE', 'capacity'],
    [FailureCode.FAILURE_CODE_WRONG_BOOT, DeviceError, 'DEVICE_RESTARTED', 'device'],
    [FailureCode.FAILURE_CODE_MALFORMED, DeviceError, 'MESSAGE_REJECTED', 'device'],
    [99 as priot.FailureCode, DeviceError, 'DEVICE_FAILURE', 'device'],
  ])('refused with %i fail with the right class', async (code, type, name, errorClass) => {
    const { link } = await open({
      answer: (message) =>
        message.hello ? undefined : { failure: { code, text: 'kernel too big', layer: 2, value: 9 } },
    });
    const refused = link.request('openNetwork', { layers: [] });
    await expect(refused).rejects.toBeInstanceOf(type);
    await expect(refused).rejects.toMatchObject({
      code: name,
      class: errorClass,
      message: 'openNetwork: kernel too big (layer 2, value 9)',
      remedy: expect.any(String),
    });
    await link.close();
  });

  it('for a plan that does not fit fail with the byte account', async () => {
    const { link } = await open({
      answer: (message) =>
        message.hello
          ? undefined
          : { memoryPlan: { requiredBytes: 300_000, arenaBytes: 200_000, stateBytes: 150_000 } },
    });
    await expect(link.request('openNetwork', { layers: [] })).rejects.toMatchObject({
      code: 'NETWORK_TOO_LARGE',
      class: 'capacity',
      message: expect.stringMatching(/300,000 bytes.*200,000.*state 150,000/),
    });
    await link.close();
  });

  it('are repeated under the same id, then given up with the reason', async () => {
    const { device, link } = await open({ answer: (message) => (message.hello ? undefined : null) });
    await expect(link.request('readStatistics', {})).rejects.toMatchObject({
      code: 'NO_ANSWER',
      message: expect.stringMatching(/no answer to readStatistics after 5 attempts in 62\.0 s/),
    });
    const ids = device.asked.slice(1).map((message) => message.requestId);
    expect(ids).toEqual(new Array(5).fill(ids[0]));
    expect(link.statistics).toMatchObject({ timeouts: 5, retries: 4 });
    await link.close();
  });

  it('that arrive damaged are repeated at once', async () => {
    const { device, link } = await open();
    const write = device.write.bind(device);
    device.write = (bytes) => {
      device.write = write;
      const damaged = bytes.slice();
      damaged[2]! ^= 4;
      return write(damaged);
    };
    await link.request('readStatistics', {});
    expect(device.clock.nowMs()).toBe(0);
    expect(link.statistics).toMatchObject({ crcErrors: 1, retries: 1, timeouts: 0 });
    await link.close();
  });

  it('end when aborted, and a late reply hurts nobody', async () => {
    let late: number | undefined;
    const { device, link } = await open({
      answer: (message) => {
        if (!message.readStatistics || late !== undefined) return undefined;
        late = message.requestId;
        return null;
      },
    });
    const stop = new AbortController();
    const aborted = link.request('readStatistics', {}, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    device.say({ requestId: late!, done: {} });
    expect(await link.request('readStatistics', {})).toMatchObject({ framesSent: 0 });
    await link.close();
  });

  it('fail when the device is lost, and ever after', async () => {
    const { device, link } = await open({ answer: (message) => (message.hello ? undefined : null) });
    const waiting = link.request('readStatistics', {});
    device.lose(new Error('EIO'));
    await expect(waiting).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      cause: expect.objectContaining({ message: 'EIO' }),
    });
    await expect(link.request('readStatistics', {})).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await link.close();
  });

  it('fail when the link is closed', async () => {
    const { link } = await open({ answer: (message) => (message.hello ? undefined : null) });
    const waiting = link.request('readStatistics', {});
    const closed = link.close();
    await expect(waiting).rejects.toMatchObject({ code: 'LINK_CLOSED' });
    await closed;
    await link.close();
  });

  it('too long for the device are not sent', async () => {
    const { link } = await open({ hello: { maxFrameBytes: 64 } });
    await expect(link.request('evaluate', { index: 0, image: new Uint8Array(64) })).rejects.toMatchObject({
      code: 'FRAME_TOO_LARGE',
      class: 'capacity',
    });
    await link.close();
  });

  it('meet a message that cannot be read: the link says which field', async () => {
    const { device, link } = await open({
      answer: (message) =>
        message.hello ? undefined : { tensorData: { tensor: 9 as priot.Tensor, data: new Uint8Array(1) } },
    });
    await expect(link.request('readTensor', {})).rejects.toMatchObject({
      code: 'MALFORMED_MESSAGE',
      message: /tensor/,
    });
    await link.close();
    expect(device.closed).toBe(true);
  });
});

it('log lines are handed on', async () => {
  const device = new FakeDevice();
  const lines: string[] = [];
  const link = await Link.open(device, { onLogLine: (level, text) => lines.push(`${level}: ${text}`) });
  device.say({ logLine: { level: priot.LogLevel.LOG_LEVEL_WARNING, text: 'stack is low' } });
  await link.request('readStatistics', {});
  expect(lines).toEqual(['warning: stack is low']);
  await link.close();
});

describe('pipelines', () => {
  it('keep the window full and answer in order', async () => {
    const { device, link } = await open({ window: 4 });
    const replies = await collect(link.pipeline('evaluate', evaluations(40)));
    expect(replies.map(({ index }) => index)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    // Hello's turn brought a window of requests with it, every reply's turn the next one, until the last window.
    expect(device.answersPerChunk.slice(0, 40)).toEqual([4, ...new Array(36).fill(1), 0, 0, 0]);
    await link.close();
  });

  it.each([1, 2, 3, 4, 5])('lose nothing on a bad line (seed %i)', async (seed) => {
    const { link } = await open({ faults: { seed, drop: 0.05, duplicate: 0.05, flip: 0.05 } });
    const replies = await collect(link.pipeline('evaluate', evaluations(300)));
    expect(replies.map(({ prediction }) => prediction)).toEqual(evaluations(300).map(({ image }) => image[0]));
    expect(link.statistics.retries).toBeGreaterThan(0);
    await link.close();
  });

  it('give the replies before a failure, then the failure', async () => {
    const { link } = await open({
      answer: ({ evaluate }) =>
        evaluate?.index === 10
          ? { failure: { code: FailureCode.FAILURE_CODE_OUT_OF_RANGE, text: 'pixel' } }
          : undefined,
    });
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const { index } of link.pipeline('evaluate', evaluations(40))) seen.push(index);
      })(),
    ).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await link.request('readStatistics', {});
    await link.close();
  });

  it('end in order when aborted or left', async () => {
    const { device, link } = await open();
    const stop = new AbortController();
    let count = 0;
    for await (const { index } of link.pipeline('evaluate', evaluations(100), { signal: stop.signal })) {
      expect(index).toBe(count++);
      if (index === 9) stop.abort();
    }
    expect(count).toBeGreaterThan(9);
    expect(count).toBeLessThan(100);
    for await (const { index } of link.pipeline('evaluate', evaluations(100))) if (index === 5) break;
    expect(device.clock.timers).toBe(0);
    expect(await collect(link.pipeline('evaluate', []))).toEqual([]);
    await link.close();
  });

  it('pass on what the source throws', async () => {
    const { link } = await open();
    function* source() {
      yield* evaluations(3);
      throw new DataError('TRUNCATED', 'images end early');
    }
    await expect(collect(link.pipeline('evaluate', source()))).rejects.toMatchObject({ code: 'TRUNCATED' });
    await link.close();
  });
});

describe('steps', () => {
  const session = { sessionId: SESSION_ID, firstStep: 0 };

  async function train(
    options: FakeOptions,
    count: number,
  ): Promise<{ device: FakeDevice; link: Link; steps: number[] }> {
    const { device, link } = await open(options);
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    const results = await collect(link.steps(session, frames(count)));
    expect(results.map(({ prediction }) => prediction)).toEqual(frames(count).map(({ label }) => label));
    return { device, link, steps: results.map(({ step }) => step) };
  }

  it('happen once each, in order, a window ahead', async () => {
    const { device, link, steps } = await train({ window: 4 }, 50);
    expect(steps).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(device.applied).toEqual(steps);
    expect(device.asked.filter(({ step }) => step)).toHaveLength(50);
    expect(device.answersPerChunk.slice(2, 48)).toEqual(new Array(46).fill(1));
    expect(device.clock.timers).toBe(0);
    expect(link.statistics).toMatchObject({ retries: 0, timeouts: 0, crcErrors: 0 });
    await link.close();
  });

  it('go on from any step', async () => {
    const { device, link } = await open();
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 1000 });
    const results = await collect(link.steps({ sessionId: SESSION_ID, firstStep: 1000 }, frames(9)));
    expect(results.map(({ step }) => step)).toEqual(device.applied);
    expect(device.applied[0]).toBe(1000);
    await link.close();
  });

  it.each(Array.from({ length: 12 }, (_, i) => i + 1))('are exact on a bad line (seed %i)', async (seed) => {
    const window = 1 + (seed % 6);
    const { device, link, steps } = await train(
      { window, faults: { seed, drop: 0.06, duplicate: 0.06, flip: 0.06 } },
      400,
    );
    expect(steps).toEqual(device.applied);
    expect(steps).toHaveLength(400);
    expect(device.state).toBe(await stateAfter(400));
    expect(link.statistics.retries).toBeGreaterThan(0);
    await link.close();
  });

  it('lost in mid-window cost one window, not one timeout each', async () => {
    const { device, link } = await open({ window: 4 });
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    const write = device.write.bind(device);
    let count = 0;
    device.write = (bytes) => (++count === 10 ? Promise.resolve() : write(bytes));
    const results = await collect(link.steps(session, frames(30)));
    expect(results).toHaveLength(30);
    expect(device.clock.nowMs()).toBe(0);
    expect(link.statistics).toMatchObject({ retries: 4, timeouts: 0 });
    await link.close();
  });

  it('whose result was lost give it later, marked as applied already', async () => {
    const { device, link } = await open({ window: 4 });
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    const say = device.say.bind(device);
    let dropped = false;
    device.say = (message) => {
      if (message.stepResult?.step === 5 && !dropped) dropped = true;
      else say(message);
    };
    const results = await collect(link.steps(session, frames(20)));
    expect(results.filter(({ alreadyApplied }) => alreadyApplied).map(({ step }) => step)).toEqual([5]);
    expect(device.applied).toHaveLength(20);
    expect(link.statistics).toMatchObject({ retries: 1, timeouts: 0 });
    await link.close();
  });

  it.each([
    [FailureCode.FAILURE_CODE_WRONG_SESSION, 'WRONG_SESSION'],
    [FailureCode.FAILURE_CODE_WRONG_BOOT, 'DEVICE_RESTARTED'],
    [FailureCode.FAILURE_CODE_TOO_OLD, 'STEP_TOO_OLD'],
  ])('refused with %i end the stream after the results before', async (code, name) => {
    const { link } = await open({ answer: ({ step }) => (step?.step === 7 ? { failure: { code } } : undefined) });
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    const seen: number[] = [];
    const trained = (async () => {
      for await (const { step } of link.steps(session, frames(20))) seen.push(step);
    })();
    await expect(trained).rejects.toMatchObject({
      code: name,
      class: 'device',
      message: expect.stringContaining('step 7'),
    });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
    await link.close();
  });

  it('without any answer end with the step and the time', async () => {
    const { link } = await open({ answer: ({ step }) => (step && step.step! >= 3 ? null : undefined) });
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    await expect(collect(link.steps(session, frames(20)))).rejects.toMatchObject({
      code: 'NO_ANSWER',
      message: expect.stringMatching(/no answer to step 3 after 5 attempts in 62\.0 s/),
    });
    await link.close();
  });

  it('answered by gaps without end are given up', async () => {
    const { link } = await open({ answer: ({ step }) => (step ? { gap: { nextStep: 0 } } : undefined) });
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    await expect(collect(link.steps(session, frames(20)))).rejects.toMatchObject({ code: 'NO_ANSWER' });
    await link.close();
  });

  it('stop when aborted: what is in flight is still delivered', async () => {
    const { device, link } = await open();
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const { step } of link.steps(session, frames(100), { signal: stop.signal })) {
      seen.push(step);
      if (step === 20) stop.abort();
    }
    expect(seen).toEqual(device.applied);
    expect(seen.length).toBeLessThan(40);
    // The device stands where the host left it: a new stream goes on from there.
    const rest = await collect(link.steps({ sessionId: SESSION_ID, firstStep: seen.length }, frames(5)));
    expect(rest).toHaveLength(5);
    await link.close();
  });

  it('end with the error when the device is lost', async () => {
    const { device, link } = await open();
    await link.request('startSession', { sessionId: SESSION_ID, nextStep: 0 });
    const trained = (async () => {
      for await (const { step } of link.steps(session, frames(100))) if (step === 20) device.lose(new Error('EIO'));
    })();
    await expect(trained).rejects.toMatchObject({ code: 'DEVICE_LOST', remedy: expect.stringContaining('--resume') });
    await link.close();
  });
});
