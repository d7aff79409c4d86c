/**
 * The typed boundary over the generated protobuf code: what comes off the wire is validated here, once, and is plain
 * data with every unset field defaulted from here on.
 */
import { priot } from '#proto';
import { DeviceError } from '../errors.js';

/** What this host speaks. The device says its own in Hello. */
export const PROTOCOL_VERSION = 3;

/** Bytes of a session id, a board id. */
export const ID_BYTES = 8;

/** Most tensor bytes of one WriteTensor or ReadTensor. */
export const TENSOR_CHUNK_BYTES = 1024;

export const { Method, LayerOperation, BelowThreshold, Kernels, Tensor, FailureCode, SelfTestKind } = priot;
export type Method = priot.Method;
export type LayerOperation = priot.LayerOperation;
export type BelowThreshold = priot.BelowThreshold;
export type Kernels = priot.Kernels;
export type Tensor = priot.Tensor;
export type FailureCode = priot.FailureCode;
export type SelfTestKind = priot.SelfTestKind;

export type ResetCause = 'power-on' | 'run-pin' | 'watchdog' | 'panic' | 'requested' | 'boot-rom';
export type LogLevel = 'info' | 'warning' | 'error';

const RESET_CAUSES: readonly ResetCause[] = ['power-on', 'run-pin', 'watchdog', 'panic', 'requested', 'boot-rom'];
const LOG_LEVELS: readonly LogLevel[] = ['info', 'warning', 'error'];

// ---- what the host asks -----------------------------------------------------------------------------------------

/** A request's fields as in the .proto; an absent one is its zero. */
type Fields<T> = { [K in keyof Omit<T, '$unknowns'>]?: Exclude<T[K & keyof T], null | undefined> };

export type LayerRequest = Fields<priot.Layer.$Properties>;

interface RequestBodies {
  hello: Fields<priot.Hello.$Properties>;
  openNetwork: Omit<Fields<priot.OpenNetwork.$Properties>, 'layers'> & { layers: LayerRequest[] };
  writeTensor: Fields<priot.WriteTensor.$Properties>;
  commitTensor: Fields<priot.CommitTensor.$Properties>;
  startSession: Fields<priot.StartSession.$Properties>;
  evaluate: Fields<priot.Evaluate.$Properties>;
  readTensor: Fields<priot.ReadTensor.$Properties>;
  readStatistics: Record<string, never>;
  saveCheckpoint: Fields<priot.SaveCheckpoint.$Properties>;
  readCheckpoint: Record<string, never>;
  restart: Fields<priot.Restart.$Properties>;
  selfTest: Fields<priot.SelfTest.$Properties>;
}

export type RequestKind = keyof RequestBodies;
export type RequestBody<K extends RequestKind> = RequestBodies[K];

/** A training step as it goes over the wire. */
export interface StepRequest {
  sessionId: Uint8Array;
  bootId: number;
  step: number;
  label: number;
  detail: boolean;
  ledger: boolean;
  image: Uint8Array;
}

// ---- what the device answers ------------------------------------------------------------------------------------

/** Why the run before this boot died. Addresses in flash or SRAM. */
export interface Panic {
  programCounter: number;
  linkRegister: number;
  reason: string;
}

/** Who the device is. Sizes in bytes. */
export interface HelloReply {
  protocolVersion: number;
  firmwareCommit: string;
  firmwareCompiler: string;
  firmwareFlags: string;
  /** 8 bytes. */
  boardId: Uint8Array;
  bootId: number;
  resetCause: ResetCause;
  lastPanic?: Panic;
  /** 0: no cycle counter. */
  clockHz: number;
  sramBytes: number;
  arenaBytes: number;
  flashBytes: number;
  weightsFlashBytes: number;
  maxFrameBytes: number;
  maxLayers: number;
  maxOutputs: number;
  maxImageBytes: number;
  /** Requests that may be in flight. */
  window: number;
  /** Bit n: Method n is built in. */
  methods: number;
  /** Bytes of learned state that the device's own checkpoint takes; 0: it keeps none. */
  checkpointBytes: number;
  /** The most edges of a network. */
  maxEdges: number;
  /** The most elements of a layer's input, and of its output before the pool. */
  maxMapElements: number;
  /** The revision of the RP2040: 1 is B0 or B1, 2 is B2; 0: there is no chip. */
  chipRevision: number;
  /** 1 is B0's, 2 is B1's, 3 is B2's; 0: there is none. */
  bootRomVersion: number;
  /**
   * The identification of the flash chip: manufacturer, memory type and capacity (a power of two), one byte each; 0:
   * unknown.
   */
  flashJedecId: number;
}

/** Bytes of a network's plan on the device. */
export interface MemoryPlan {
  fits: boolean;
  weightsInFlash: boolean;
  effectiveWeightsKept: boolean;
  /** false: the plain ones, asked for or because the fast ones do not fit. */
  fastKernels: boolean;
  requiredBytes: number;
  arenaBytes: number;
  weightsBytes: number;
  stateBytes: number;
  activationBytes: number;
  errorBytes: number;
  otherBytes: number;
  flashBytes: number;
  /** Estimated cycles of an active step, flash reads included; they rank plans. */
  estimatedCycles: number;
  /** Estimated cycles of the fastest plan of all, whether it fits or not. */
  fastestCycles: number;
  fastestBytes: number;
  /** How many cores train. */
  cores: number;
  /** Of `otherBytes`: what the second core needs. */
  secondCoreBytes: number;
}

/** FNV-1a 32 of a layer's tensors after a step. */
export interface LayerChecksums {
  input: number;
  delta: number;
  state: number;
}

/** What one training step gave. Cycles are 0 without a cycle counter. */
export interface StepResult {
  step: number;
  alreadyApplied: boolean;
  prediction: number;
  lossZero: boolean;
  cycles: number;
  forwardCycles: number;
  idleCycles: number;
  wireCycles: number;
  /** Of `cycles`: the first core's, waiting for the second; 0 with one core. */
  waitingCycles: number;
  /** The int32 accumulators of the last layer. They, like the two below, come with `detail` only. */
  logits: number[];
  lossGradient: Int8Array;
  layers: LayerChecksums[];
  /** Cycles with `ledger` only: layer after layer, in each the phases in the order of the .proto's Phase. */
  phaseCycles: number[];
}

export interface Evaluation {
  index: number;
  prediction: number;
  cycles: number;
  /** The last layer's int32 accumulators; empty where they were not asked for, or by a firmware that has none to give. */
  logits: number[];
}

export interface TensorData {
  tensor: Tensor;
  offset: number;
  data: Uint8Array;
}

/** The device's own checkpoint of a learned state, in flash. */
export interface DeviceCheckpoint {
  /** 1 for the first save of the board, one more for each; 0: the device holds no checkpoint. */
  sequence: number;
  /** 8 bytes. */
  sessionId: Uint8Array;
  nextStep: number;
  /** 8 bytes: what the steps are made of. */
  trainingId: Uint8Array;
  stateBytes: number;
  /** CRC-32/ISO-HDLC of the state. */
  stateCrc: number;
}

/** Memory marks in bytes, and the device's view of the line in frames. */
export interface DeviceStatistics {
  staticBytes: number;
  /** Of `staticBytes`, code that runs from SRAM; 0: the firmware does not tell it apart. */
  codeBytes: number;
  stackHighWaterBytes: number;
  stackBytes: number;
  flashBytes: number;
  framesReceived: number;
  crcErrors: number;
  malformedFrames: number;
  framesSent: number;
}

/** What the device measured of itself; the .proto says what the values of each kind are. */
export interface SelfTestResult {
  kind: SelfTestKind;
  values: number[];
}

export interface Failure {
  code: FailureCode;
  text: string;
  /** 1-based; 0 when no layer is to blame. */
  layer: number;
  value: number;
}

export interface LogLine {
  level: LogLevel;
  text: string;
}

interface ReplyBodies {
  hello: HelloReply;
  openNetwork: MemoryPlan;
  writeTensor: Record<string, never>;
  commitTensor: Record<string, never>;
  startSession: Record<string, never>;
  evaluate: Evaluation;
  readTensor: TensorData;
  readStatistics: DeviceStatistics;
  saveCheckpoint: DeviceCheckpoint;
  readCheckpoint: DeviceCheckpoint;
  restart: Record<string, never>;
  selfTest: SelfTestResult;
}

export type ReplyBody<K extends RequestKind> = ReplyBodies[K];

/** The device message that answers each kind of request. */
export const REPLY_OF = {
  hello: 'hello',
  openNetwork: 'memoryPlan',
  writeTensor: 'done',
  commitTensor: 'done',
  startSession: 'done',
  evaluate: 'evaluation',
  readTensor: 'tensorData',
  readStatistics: 'statistics',
  saveCheckpoint: 'checkpoint',
  readCheckpoint: 'checkpoint',
  restart: 'done',
  selfTest: 'selfTest',
} as const satisfies Record<RequestKind, DeviceBody['kind']>;

export type DeviceBody =
  | { kind: 'hello'; value: HelloReply }
  | { kind: 'memoryPlan'; value: MemoryPlan }
  | { kind: 'done'; value: Record<string, never> }
  | { kind: 'stepResult'; value: StepResult }
  | { kind: 'gap'; value: { nextStep: number } }
  | { kind: 'evaluation'; value: Evaluation }
  | { kind: 'tensorData'; value: TensorData }
  | { kind: 'statistics'; value: DeviceStatistics }
  | { kind: 'checkpoint'; value: DeviceCheckpoint }
  | { kind: 'selfTest'; value: SelfTestResult }
  | { kind: 'failure'; value: Failure }
  | { kind: 'logLine'; value: LogLine };

export interface DeviceMessage {
  /** 0: unsolicited. */
  requestId: number;
  /** The step the device accepts next. */
  nextStep: number;
  /** Steps below this number may be sent. */
  windowEnd: number;
  body: DeviceBody;
}

// ---- encoding and decoding --------------------------------------------------------------------------------------

/** Encodes a request as the payload of a frame. */
export function encodeRequest<K extends RequestKind>(requestId: number, kind: K, body: RequestBody<K>): Uint8Array {
  return priot.HostMessage.encode({ requestId, [kind]: body }).finish();
}

/** Encodes a training step as the payload of a frame. */
export function encodeStep(requestId: number, step: StepRequest): Uint8Array {
  return priot.HostMessage.encode({ requestId, step }).finish();
}

/**
 * Decodes the payload of a frame. Its CRC was right, so what does not decode was sent that way.
 * @throws DeviceError MALFORMED_MESSAGE; PROTOCOL_MISMATCH for the Hello of another version
 */
export function decodeDeviceMessage(payload: Uint8Array): DeviceMessage {
  let message: priot.DeviceMessage;
  try {
    message = priot.DeviceMessage.decode(payload);
  } catch (error) {
    throw malformed('the message', 'no DeviceMessage', error);
  }
  return {
    requestId: message.requestId,
    nextStep: message.nextStep,
    windowEnd: message.windowEnd,
    body: decodeBody(message),
  };
}

// A decoded body is an instance of its generated class, whose prototype holds the default of every unset field.
function decodeBody(message: priot.DeviceMessage): DeviceBody {
  if (message.hello) return { kind: 'hello', value: decodeHello(message.hello as priot.HelloReply) };
  if (message.memoryPlan)
    return { kind: 'memoryPlan', value: decodeMemoryPlan(message.memoryPlan as priot.MemoryPlan) };
  if (message.done) return { kind: 'done', value: {} };
  if (message.stepResult)
    return { kind: 'stepResult', value: decodeStepResult(message.stepResult as priot.StepResult) };
  if (message.gap) return { kind: 'gap', value: { nextStep: (message.gap as priot.Gap).nextStep } };
  if (message.evaluation)
    return { kind: 'evaluation', value: decodeEvaluation(message.evaluation as priot.Evaluation) };
  if (message.tensorData)
    return { kind: 'tensorData', value: decodeTensorData(message.tensorData as priot.TensorData) };
  if (message.statistics)
    return { kind: 'statistics', value: decodeStatistics(message.statistics as priot.Statistics) };
  if (message.checkpoint)
    return { kind: 'checkpoint', value: decodeCheckpoint(message.checkpoint as priot.Checkpoint) };
  if (message.selfTest) return { kind: 'selfTest', value: decodeSelfTest(message.selfTest as priot.SelfTestResult) };
  if (message.failure) return { kind: 'failure', value: decodeFailure(message.failure as priot.Failure) };
  if (message.logLine) return { kind: 'logLine', value: decodeLogLine(message.logLine as priot.LogLine) };
  throw malformed('body', 'unknown to this host');
}

function decodeHello(reply: priot.HelloReply): HelloReply {
  // First, so that another version is named as such before one of its newer values is called malformed.
  if (reply.protocolVersion !== PROTOCOL_VERSION) throw protocolMismatch(reply.protocolVersion, reply.firmwareCommit);
  const resetCause = RESET_CAUSES[reply.resetCause];
  if (resetCause === undefined) throw malformed('reset_cause', reply.resetCause);
  if (reply.boardId.length !== ID_BYTES) throw malformed('board_id', `${reply.boardId.length} bytes`);
  if (reply.window < 1) throw malformed('window', reply.window);
  if (reply.maxFrameBytes < 1) throw malformed('max_frame_bytes', reply.maxFrameBytes);
  const panic = reply.lastPanic as priot.Panic | null | undefined;
  return {
    protocolVersion: reply.protocolVersion,
    firmwareCommit: reply.firmwareCommit,
    firmwareCompiler: reply.firmwareCompiler,
    firmwareFlags: reply.firmwareFlags,
    boardId: Uint8Array.from(reply.boardId),
    bootId: reply.bootId,
    resetCause,
    ...(panic && {
      lastPanic: { programCounter: panic.programCounter, linkRegister: panic.linkRegister, reason: panic.reason },
    }),
    clockHz: reply.clockHz,
    sramBytes: reply.sramBytes,
    arenaBytes: reply.arenaBytes,
    flashBytes: reply.flashBytes,
    weightsFlashBytes: reply.weightsFlashBytes,
    maxFrameBytes: reply.maxFrameBytes,
    maxLayers: reply.maxLayers,
    maxOutputs: reply.maxOutputs,
    maxImageBytes: reply.maxImageBytes,
    window: reply.window,
    methods: reply.methods,
    checkpointBytes: reply.checkpointBytes,
    maxEdges: reply.maxEdges,
    maxMapElements: reply.maxMapElements,
    chipRevision: reply.chipRevision,
    bootRomVersion: reply.bootRomVersion,
    flashJedecId: reply.flashJedecId,
  };
}

function decodeSelfTest({ kind, values }: priot.SelfTestResult): SelfTestResult {
  return { kind, values: [...values] };
}

function decodeMemoryPlan(plan: priot.MemoryPlan): MemoryPlan {
  return {
    fits: plan.fits,
    weightsInFlash: plan.weightsInFlash,
    effectiveWeightsKept: plan.effectiveWeightsKept,
    fastKernels: plan.fastKernels,
    requiredBytes: plan.requiredBytes,
    arenaBytes: plan.arenaBytes,
    weightsBytes: plan.weightsBytes,
    stateBytes: plan.stateBytes,
    activationBytes: plan.activationBytes,
    errorBytes: plan.errorBytes,
    otherBytes: plan.otherBytes,
    flashBytes: plan.flashBytes,
    estimatedCycles: plan.estimatedCycles,
    fastestCycles: plan.fastestCycles,
    fastestBytes: plan.fastestBytes,
    cores: plan.cores || 1,
    secondCoreBytes: plan.secondCoreBytes,
  };
}

function decodeStepResult(result: priot.StepResult): StepResult {
  return {
    step: result.step,
    alreadyApplied: result.alreadyApplied,
    prediction: result.prediction,
    lossZero: result.lossZero,
    cycles: result.cycles,
    forwardCycles: result.forwardCycles,
    idleCycles: result.idleCycles,
    wireCycles: result.wireCycles,
    waitingCycles: result.waitingCycles,
    logits: result.logits,
    lossGradient: Int8Array.from(result.lossGradient, (byte) => (byte << 24) >> 24),
    layers: (result.layers as priot.LayerChecksums[]).map(({ input, delta, state }) => ({ input, delta, state })),
    phaseCycles: result.phaseCycles,
  };
}

function decodeEvaluation({ index, prediction, cycles, logits }: priot.Evaluation): Evaluation {
  return { index, prediction, cycles, logits };
}

function decodeTensorData({ tensor, offset, data }: priot.TensorData): TensorData {
  if (!(tensor in Tensor)) throw malformed('tensor', tensor);
  if (data.length > TENSOR_CHUNK_BYTES) throw malformed('data', `${data.length} bytes`);
  return { tensor, offset, data: Uint8Array.from(data) };
}

function decodeStatistics(statistics: priot.Statistics): DeviceStatistics {
  return {
    staticBytes: statistics.staticBytes,
    codeBytes: statistics.codeBytes,
    stackHighWaterBytes: statistics.stackHighWaterBytes,
    stackBytes: statistics.stackBytes,
    flashBytes: statistics.flashBytes,
    framesReceived: statistics.framesReceived,
    crcErrors: statistics.crcErrors,
    malformedFrames: statistics.malformedFrames,
    framesSent: statistics.framesSent,
  };
}

function decodeCheckpoint(checkpoint: priot.Checkpoint): DeviceCheckpoint {
  const { sequence, sessionId, nextStep, trainingId, stateBytes, stateCrc } = checkpoint;
  if (sessionId.length !== ID_BYTES) throw malformed('session_id', `${sessionId.length} bytes`);
  if (trainingId.length !== ID_BYTES) throw malformed('training_id', `${trainingId.length} bytes`);
  return {
    sequence,
    sessionId: Uint8Array.from(sessionId),
    nextStep,
    trainingId: Uint8Array.from(trainingId),
    stateBytes,
    stateCrc,
  };
}

function decodeFailure({ code, text, layer, value }: priot.Failure): Failure {
  // A code this host does not know still carries its text.
  return { code: code in FailureCode ? code : FailureCode.FAILURE_CODE_UNKNOWN, text, layer, value };
}

function decodeLogLine({ level, text }: priot.LogLine): LogLine {
  return { level: LOG_LEVELS[level] ?? 'error', text };
}

function protocolMismatch(device: number, commit: string): DeviceError {
  return new DeviceError(
    'PROTOCOL_MISMATCH',
    `protocol_version: the device speaks ${device} (firmware ${commit || 'of unknown commit'}), this host speaks ${PROTOCOL_VERSION}`,
    device < PROTOCOL_VERSION ? 'priot flash' : 'install the priot release the firmware came from, or: priot flash',
  );
}

function malformed(field: string, value: string | number, cause?: unknown): DeviceError {
  return new DeviceError(
    'MALFORMED_MESSAGE',
    `the device sent a message with an intact checksum that this host cannot read: ${field} is ${value}`,
    'put the matching firmware on the board: priot flash',
    { cause },
  );
}
