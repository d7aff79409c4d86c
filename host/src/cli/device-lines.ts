/** What is said on standard error of a device that was opened. */
import type { DeviceEvent, DeviceLogEvent } from '../sessions/events.js';

/** Gives the lines of an event, each with its line feed. */
export function deviceLines(event: DeviceEvent | DeviceLogEvent): string {
  if (event.type === 'device-log') return `device: ${event.level}: ${event.text}\n`;
  const { name, place, firmwareCommit, lastPanic } = event;
  const opened = `device ${name} (${place}), firmware ${firmwareCommit || 'of unknown commit'}\n`;
  if (lastPanic === null) return opened;
  const { reason, programCounter, linkRegister } = lastPanic;
  const [pc, lr] = [programCounter, linkRegister].map((address) => `0x${address.toString(16).padStart(8, '0')}`);
  return `${opened}device: it panicked before this start: ${reason} (PC ${pc}, LR ${lr})\n`;
}

/** Writes them, for commands that show nothing else of a device. */
export function showDevice(event: DeviceEvent | DeviceLogEvent): void {
  process.stderr.write(deviceLines(event));
}
