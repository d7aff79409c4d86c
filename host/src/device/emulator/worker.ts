/** The emulator's thread: runs the machine, sleeps on a shared word while only the host can bring anything new. */

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Live } from './live.js';
import type { Command, DeviceEvent, WorkerSetup } from './messages.js';
import { Turns } from './turns.js';

/** Full packets are collected until the short one that ends a burst, or until the emulator waits. */
const FULL_PACKET_BYTES = 64;
/** How long an idle live device sleeps before its own timers get another slice. */
const LIVE_SLEEP_MS = 1;

function endsBurst(events: readonly DeviceEvent[]): boolean {
  return events.some((event) => event.type !== 'packet' || event.bytes.length < FULL_PACKET_BYTES);
}

function main(port: MessagePort, setup: WorkerSetup): never {
  const live = setup.live ? new Live(setup) : undefined;
  const device = live ?? new Turns(setup);
  const signal = new Int32Array(setup.signal);
  let unsent: DeviceEvent[] = [];
  const send = () => {
    if (unsent.length > 0) port.postMessage(unsent);
    unsent = [];
  };
  for (;;) {
    const seen = Atomics.load(signal, 0);
    for (let entry = receiveMessageOnPort(port); entry; entry = receiveMessageOnPort(port)) {
      device.receive(entry.message as Command);
    }
    let running = true;
    while (running && Atomics.load(signal, 0) === seen) {
      running = device.advance();
      unsent.push(...device.takeEvents());
      if (endsBurst(unsent)) send();
    }
    send();
    if (running) continue;
    if (live) {
      if (Atomics.wait(signal, 0, seen, LIVE_SLEEP_MS) === 'timed-out') live.advance(true);
    } else Atomics.wait(signal, 0, seen);
  }
}

if (parentPort) main(parentPort, workerData as WorkerSetup);
