/** The simulator's thread: hands bytes to the WebAssembly module and its answers back, in batches. */
import { randomInt } from 'node:crypto';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { concatenate } from './concatenate.js';

export interface SimulatorWorkerData {
  module: WebAssembly.Module;
}

/** Bytes the device sent; or that it stopped, and why. */
export type SimulatorMessage = Uint8Array | { trap: string };

/** What firmware/wasm/simulator.c exports. */
interface SimulatorExports {
  memory: WebAssembly.Memory;
  /** Returns the address of the receive buffer. */
  boot(bootId: number, resetCause: number): number;
  receiveBufferBytes(): number;
  /** Handles bytes of the receive buffer, one frame at most; returns how many it took. */
  receive(offset: number, length: number): number;
}

/** ResetCause of proto/priot.proto. */
const RESET_CAUSE_POWER_ON = 0;
const RESET_CAUSE_REQUESTED = 4;

/** Answers leave when this much time has passed since the last ones did, so that the host works while we do. */
const BATCH_MS = 1;

const { module } = workerData as SimulatorWorkerData;
const port = parentPort!;
let answers: Uint8Array[] = [];
let restartAsked = false;
let sentAtMs = performance.now();
let device = boot(RESET_CAUSE_POWER_ON);

port.on('message', (bytes: Uint8Array) => {
  try {
    handle(bytes);
    // Whatever came meanwhile is answered in the same batch.
    for (let more = receiveMessageOnPort(port); more; more = receiveMessageOnPort(port)) handle(more.message);
    sendAnswers();
  } catch (error) {
    sendAnswers();
    port.postMessage({ trap: error instanceof Error ? error.message : String(error) } satisfies SimulatorMessage);
    port.close();
  }
});

function boot(resetCause: number) {
  const instance = new WebAssembly.Instance(module, {
    host: {
      send: (address: number, length: number) => {
        answers.push(new Uint8Array(exports.memory.buffer, address, length).slice());
      },
      restart: () => {
        restartAsked = true;
      },
    },
  });
  const exports = instance.exports as unknown as SimulatorExports;
  const bufferAddress = exports.boot(randomInt(1, 0x1_0000_0000), resetCause);
  const buffer = new Uint8Array(exports.memory.buffer, bufferAddress, exports.receiveBufferBytes());
  return { buffer, receive: exports.receive };
}

function handle(bytes: Uint8Array): void {
  let begin = 0;
  while (begin < bytes.length) {
    const part = bytes.subarray(begin, begin + device.buffer.length);
    device.buffer.set(part);
    let taken = 0;
    while (taken < part.length && !restartAsked) {
      taken += device.receive(taken, part.length - taken);
      if (answers.length > 0 && performance.now() - sentAtMs >= BATCH_MS) sendAnswers();
    }
    begin += taken;
    if (restartAsked) {
      restartAsked = false;
      device = boot(RESET_CAUSE_REQUESTED);
      begin = bytes.length; // a reset loses what was under way to the device
    }
  }
}

function sendAnswers(): void {
  sentAtMs = performance.now();
  if (answers.length === 0) return;
  const batch = concatenate(answers);
  answers = [];
  port.postMessage(batch satisfies SimulatorMessage, [batch.buffer]);
}
