/** Errors as users meet them: a code, what happened, and what to do about it. The codes are in error-codes.ts. */
import { type CodeOf, type ErrorClass, type ErrorCode, errorEntry } from './error-codes.js';

export type { ErrorClass, ErrorCode } from './error-codes.js';

/** What an error may have besides its message: a cause, and several things that are wrong, one a line. */
export interface PriotErrorOptions extends ErrorOptions {
  readonly details?: readonly string[];
}

/** An error with a stable code, a cause and the way out. */
export class PriotError extends Error {
  /** The first line of the message. */
  readonly headline: string;
  /** What else the message lists, one a line. */
  readonly details: readonly string[];

  constructor(
    /** Stable, upper snake case: `PORT_BUSY`, `NETWORK_TOO_LARGE`. */
    readonly code: ErrorCode,
    message: string,
    /** What the user can do, as a sentence or a command. */
    readonly remedy?: string,
    { details = [], ...options }: PriotErrorOptions = {},
  ) {
    super([message, ...details].join('\n  '), options);
    this.headline = message;
    this.details = details;
    this.name = new.target.name;
  }

  /** What kind of trouble it is: that of its code. */
  get class(): ErrorClass {
    return errorEntry(this.code).class;
  }
}

/** Something that was done and did not succeed: a regression, sessions that failed. */
export class FailedError extends PriotError {
  declare readonly code: CodeOf<'failed'>;

  constructor(code: CodeOf<'failed'>, message: string, remedy?: string, options?: PriotErrorOptions) {
    super(code, message, remedy, options);
  }
}

/** Wrong options or values on the command line. */
export class UsageError extends PriotError {
  declare readonly code: CodeOf<'usage'>;

  constructor(code: CodeOf<'usage'>, message: string, remedy?: string, options?: PriotErrorOptions) {
    super(code, message, remedy, options);
  }
}

/** A device that is lost, busy, absent, or of another version. */
export class DeviceError extends PriotError {
  declare readonly code: CodeOf<'device'>;

  constructor(code: CodeOf<'device'>, message: string, remedy?: string, options?: PriotErrorOptions) {
    super(code, message, remedy, options);
  }
}

/** A file or data set that is missing, damaged or not what it should be. */
export class DataError extends PriotError {
  declare readonly code: CodeOf<'data'>;

  constructor(code: CodeOf<'data'>, message: string, remedy?: string, options?: PriotErrorOptions) {
    super(code, message, remedy, options);
  }
}

/** A network that does not fit, an accumulator that could overflow, a disk that is full. */
export class CapacityError extends PriotError {
  declare readonly code: CodeOf<'capacity'>;

  constructor(code: CodeOf<'capacity'>, message: string, remedy?: string, options?: PriotErrorOptions) {
    super(code, message, remedy, options);
  }
}

/** Stopped by the user; resumable. */
export class InterruptedError extends PriotError {
  constructor(message: string, remedy?: string) {
    super('INTERRUPTED', message, remedy);
  }
}

/** Tells whether a device comes back from what happened, so that a session on it can go on. */
export function isRecoverable(error: unknown): error is DeviceError {
  return error instanceof DeviceError && errorEntry(error.code).recovery === 'session';
}

/** Tells whether what happened while a device was opened again may be over by the next attempt. */
export function isPassing(error: unknown): error is DeviceError {
  return error instanceof DeviceError && errorEntry(error.code).recovery !== undefined;
}

/** What an error says: the document that a command prints under --json. */
export interface ErrorDocument {
  readonly error: {
    /** null for an error that is a defect of priot. */
    readonly code: ErrorCode | null;
    readonly message: string;
    readonly remedy: string | null;
    /** The message of what made it. */
    readonly cause: string | null;
  };
}

/** Returns the document of any error. */
export function errorDocument(error: unknown): ErrorDocument {
  const known = error instanceof PriotError ? error : undefined;
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    error: {
      code: known?.code ?? null,
      message: error instanceof Error ? error.message : String(error),
      remedy: known?.remedy ?? null,
      cause: cause === undefined ? null : cause instanceof Error ? cause.message : String(cause),
    },
  };
}
