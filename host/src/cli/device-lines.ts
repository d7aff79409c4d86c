/** What is said on standard error of a device that was opened. */
import type { DeviceEvent, OpenedEvent } from '../sessions/events.js';

/** Gives the lines of an event, each with its line feed. */
export function deviceLines(event: OpenedEvent): string {
  switch (event.type) {
    case 'device-log':
      return `device: ${event.level}: ${event.text}\n`;
    case 'notice':
      return `${event.text}\n`;
    case 'reconnect':
      return `${event.text}; attempt ${event.attempt} of ${event.of} to get it back\n`;
    case 'device':
      return openedLines(event);
  }
}

function openedLines(event: DeviceEvent): string {
  const { name, place, firmwareCommit, lastPanic } = event;
  const opened = `device ${name} (${place}), firmware ${firmwareCommit || 'of unknown commit'}\n`;
  if (lastPanic === null) return opened;
  const { reason, programCounter, linkRegister } = lastPanic;
  const [pc, lr] = [programCounter, linkRegister].map((address) => `0x${address.toString(16).padStart(8, '0')}`);
  return `${opened}device: it panicked before this start: ${reason} (PC ${pc}, LR ${lr})\n`;
}
