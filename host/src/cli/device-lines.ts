/** What is said on standard error of a device that was opened. */
import type { Panic } from '../link/messages.js';
import type { DeviceEvent } from '../sessions/events.js';

/** Says what was opened, and where its numbers come from. */
export function openedText({ name, place, firmwareCommit }: DeviceEvent): string {
  return `device ${name} (${place}), firmware ${firmwareCommit || 'of unknown commit'}`;
}

/** Says how the firmware ended before this start. */
export function panicText({ reason, programCounter, linkRegister }: Panic): string {
  const [pc, lr] = [programCounter, linkRegister].map((address) => `0x${address.toString(16).padStart(8, '0')}`);
  return `device: it panicked before this start: ${reason} (PC ${pc}, LR ${lr})`;
}
