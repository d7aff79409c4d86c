/** Errors as users meet them: a code, what happened, and what to do about it. */

/** What kind of trouble an error is; the command line's exit status follows from it. */
export type ErrorClass = 'failed' | 'usage' | 'device' | 'data' | 'capacity' | 'interrupted';

/** An error with a stable code, a cause and the way out. */
export class PriotError extends Error {
  readonly class: ErrorClass;

  constructor(
    /** Stable, upper snake case: `PORT_BUSY`, `NETWORK_TOO_LARGE`. */
    readonly code: string,
    message: string,
    errorClass: ErrorClass,
    /** What the user can do, as a sentence or a command. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
    this.class = errorClass;
  }
}

/** Wrong options or values on the command line. */
export class UsageError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, 'usage', remedy, options);
  }
}

/** A device that is lost, busy, absent, or of another version. */
export class DeviceError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, 'device', remedy, options);
  }
}

/** A file or data set that is missing, damaged or not what it should be. */
export class DataError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, 'data', remedy, options);
  }
}

/** A network that does not fit, an accumulator that could overflow, a disk that is full. */
export class CapacityError extends PriotError {
  constructor(code: string, message: string, remedy?: string, options?: ErrorOptions) {
    super(code, message, 'capacity', remedy, options);
  }
}

/** Stopped by the user; resumable. */
export class InterruptedError extends PriotError {
  constructor(message: string, remedy?: string) {
    super('INTERRUPTED', message, 'interrupted', remedy);
  }
}
