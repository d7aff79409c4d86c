import type { RP2040 } from 'rp2040js';

type LibraryClock = RP2040['clock'];
type LibraryAlarm = ReturnType<LibraryClock['createAlarm']>;

/** clk_sys is fixed at 125 MHz. */
export const CLOCK_HZ = 125_000_000;
const NANOS_PER_CYCLE = 1e9 / CLOCK_HZ;

/** Converts emulated milliseconds to cycles, rounded up. */
export function cyclesOfMs(ms: number): number {
  return Math.ceil(ms * (CLOCK_HZ / 1000));
}

class Alarm implements LibraryAlarm {
  next: Alarm | undefined;
  scheduled = false;
  /** When it goes off, in the clock's nanoseconds. */
  nanos = 0;
  constructor(
    private readonly clock: EmulatedClock,
    readonly callback: () => void,
  ) {}
  schedule(deltaNanos: number): void {
    this.cancel();
    this.nanos = this.clock.nanos + deltaNanos;
    this.clock.insert(this);
  }
  cancel(): void {
    if (this.scheduled) this.clock.remove(this);
  }
}

/**
 * The chip's time, derived from a core's cycle counter: nothing ticks per instruction. An alarm goes off at the first
 * instruction boundary at or after its time; while its callback runs, the clock shows the alarm's own time, so periodic
 * timers do not drift.
 */
export class EmulatedClock implements LibraryClock {
  private core: { cycles: number } | undefined;
  private startCycles = 0;
  private first: Alarm | undefined;
  private firingNanos: number | undefined;
  /** Cycle count at which the next alarm is due; Infinity without one. */
  nextAlarmCycles = Number.POSITIVE_INFINITY;

  /** Time starts at 0 at the core's present cycle count. */
  start(core: { cycles: number }): void {
    this.core = core;
    this.startCycles = core.cycles;
    this.updateNext();
  }

  /** Shows the time of the core whose instructions run. */
  follow(core: { cycles: number }): void {
    this.core = core;
  }

  get nanos(): number {
    if (this.firingNanos !== undefined) return this.firingNanos;
    return this.core ? (this.core.cycles - this.startCycles) * NANOS_PER_CYCLE : 0;
  }

  createAlarm(callback: () => void): Alarm {
    return new Alarm(this, callback);
  }

  insert(alarm: Alarm): void {
    let previous: Alarm | undefined;
    let following = this.first;
    while (following && following.nanos <= alarm.nanos) {
      previous = following;
      following = following.next;
    }
    alarm.next = following;
    if (previous) previous.next = alarm;
    else this.first = alarm;
    alarm.scheduled = true;
    this.updateNext();
  }

  remove(alarm: Alarm): void {
    let previous: Alarm | undefined;
    for (let entry = this.first; entry && entry !== alarm; entry = entry.next) previous = entry;
    if (previous) previous.next = alarm.next;
    else this.first = alarm.next;
    alarm.scheduled = false;
    this.updateNext();
  }

  /** Forgets all alarms: those of a chip that is no more. */
  clear(): void {
    for (let alarm = this.first; alarm; alarm = alarm.next) alarm.scheduled = false;
    this.first = undefined;
    this.updateNext();
  }

  /** Runs the callbacks of all alarms that are due, in order of time. */
  fireDue(): void {
    const now = this.nanos;
    while (this.first && this.first.nanos <= now) {
      const alarm = this.first;
      this.remove(alarm);
      this.firingNanos = alarm.nanos;
      try {
        alarm.callback();
      } finally {
        this.firingNanos = undefined;
      }
    }
  }

  private updateNext(): void {
    this.nextAlarmCycles = this.first
      ? this.startCycles + Math.ceil(this.first.nanos / NANOS_PER_CYCLE)
      : Number.POSITIVE_INFINITY;
  }
}
