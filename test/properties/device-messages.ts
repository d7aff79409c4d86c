/** Device messages as a hostile or broken device could send them: every field of every kind, any value its type has. */
import fc from 'fast-check';
import { PROTOCOL_VERSION } from '#host/link/messages.js';
import type { priot } from '#proto';

const uint32 = fc.oneof(fc.constantFrom(0, 1, 2, 127, 128, 0x7fff_ffff, 0xffff_ffff), fc.nat(), fc.nat(40));
const int32 = fc.integer();
const flag = fc.boolean();
const text = fc.string({ maxLength: 40 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const enumeration = fc.oneof(fc.nat(14), int32) as fc.Arbitrary<never>;
const some = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { requiredKeys: [] });

const layer = some({ input: uint32, delta: uint32, state: uint32 });

const bodies = {
  hello: some({
    protocolVersion: fc.oneof({ weight: 5, arbitrary: fc.constant(PROTOCOL_VERSION) }, uint32),
    firmwareCommit: text,
    boardId: fc.oneof({ weight: 5, arbitrary: fc.uint8Array({ minLength: 8, maxLength: 8 }) }, bytes(20)),
    bootId: uint32,
    resetCause: enumeration,
    lastPanic: some({ programCounter: uint32, linkRegister: uint32, reason: text }),
    clockHz: uint32,
    arenaBytes: uint32,
    maxFrameBytes: uint32,
    window: uint32,
    methods: uint32,
  }),
  memoryPlan: some({ fits: flag, weightsInFlash: flag, requiredBytes: uint32, arenaBytes: uint32 }),
  done: fc.constant({}),
  stepResult: some({
    step: uint32,
    alreadyApplied: flag,
    prediction: uint32,
    lossZero: flag,
    cycles: uint32,
    logits: fc.array(int32, { maxLength: 70 }),
    lossGradient: bytes(70),
    layers: fc.array(layer, { maxLength: 14 }),
    phaseCycles: fc.array(uint32, { maxLength: 70 }),
  }),
  gap: some({ nextStep: uint32 }),
  evaluation: some({ index: uint32, prediction: uint32, cycles: uint32 }),
  tensorData: some({ tensor: enumeration, offset: uint32, data: bytes(64) }),
  statistics: some({ staticBytes: uint32, framesReceived: uint32, crcErrors: uint32 }),
  failure: some({ code: enumeration, text, layer: uint32, value: int32 }),
  logLine: some({ level: enumeration, text }),
};

const anyBody: fc.Arbitrary<Partial<priot.DeviceMessage.$Properties>> = fc.oneof(
  ...Object.entries(bodies).map(([kind, body]) => fc.record({ [kind]: body as fc.Arbitrary<unknown> })),
) as fc.Arbitrary<Partial<priot.DeviceMessage.$Properties>>;

const envelope = some({ requestId: uint32, nextStep: uint32, windowEnd: uint32 });

export const anyDeviceMessage: fc.Arbitrary<priot.DeviceMessage.$Properties> = fc
  .tuple(envelope, anyBody)
  .map(([head, body]) => ({ ...head, ...body }) as priot.DeviceMessage.$Properties);
