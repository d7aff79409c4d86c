/** The emulator on the caller's own thread, for measurements and comparisons; users get a thread of its own. */

import type { Device } from '../device.js';
import type { Command, DeviceEvent } from './messages.js';
import { failedError, TurnDevice } from './turn-device.js';

/** What `Turns` is, so that a comparison can stand in for it. */
export interface TurnMachine {
  receive(command: Command): void;
  advance(): boolean;
  takeEvents(): DeviceEvent[];
}

/** Waits until the machine is enumerated. Throws DeviceError. */
export async function openInProcess(machine: TurnMachine): Promise<Device> {
  let stopped = false;
  let scheduled = false;
  const run = () => {
    scheduled = false;
    try {
      runOn();
    } catch (cause) {
      stopped = true;
      device.fail(failedError(cause));
    }
  };
  const runOn = () => {
    while (!stopped && machine.advance()) {
      const events = machine.takeEvents();
      if (events.length === 0) continue;
      device.deliver(events);
      wake();
      return;
    }
    device.deliver(machine.takeEvents());
  };
  const wake = () => {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(run);
  };
  const device = new TurnDevice({
    send: (command) => {
      machine.receive(command);
      wake();
    },
    stop: async () => {
      stopped = true;
    },
  });
  wake();
  await device.opened;
  return device;
}
