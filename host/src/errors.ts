/** Errors as users meet them: a code, what happened, and what to do about it. */

/** Exit statuses of the command line (README, "Exit status"). */
export const ExitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  device: 3,
  data: 4,
  doesNotFit: 5,
  interrupted: 130,
} as const;
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** An error with a stable code, a cause and the way out. */
export class PriotError extends Error {
  constructor(
    /** Stable, upper snake case: `PORT_BUSY`, `NETWORK_TOO_LARGE`. */
    readonly code: string,
    message: string,
    readonly exitStatus: ExitStatus,
    /** What the user can do, as a sentence or a command. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Wrong options or values on the command line. */
export class UsageError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, ExitStatus.usage, remedy, options);
  }
}

/** A device that is lost, busy, absent, or of another version. */
export class DeviceError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, ExitStatus.device, remedy, options);
  }
}

/** A file or data set that is missing, damaged or not what it should be. */
export class DataError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, ExitStatus.data, remedy, options);
  }
}

/** A network that does not fit, an accumulator that could overflow, a disk that is full. */
export class CapacityError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, ExitStatus.doesNotFit, remedy, options);
  }
}

/** Stopped by the user; resumable. */
export class InterruptedError extends PriotError {
  constructor(message: string, remedy?: string) {
    super('INTERRUPTED', message, ExitStatus.interrupted, remedy);
  }
}
