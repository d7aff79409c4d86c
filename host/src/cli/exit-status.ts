/** Exit statuses of the command line (README, "Exit status"). */
import { type ErrorClass, PriotError } from '../errors.js';

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

/** The exit status of each class of errors. */
export const exitStatusOfClass: Readonly<Record<ErrorClass, ExitStatus>> = {
  failed: ExitStatus.failed,
  usage: ExitStatus.usage,
  device: ExitStatus.device,
  data: ExitStatus.data,
  capacity: ExitStatus.doesNotFit,
  interrupted: ExitStatus.interrupted,
};

/** Gives the exit status of a command that ended with `error`: that of its class, 1 for an error of no class. */
export function exitStatusOf(error: unknown): ExitStatus {
  return error instanceof PriotError ? exitStatusOfClass[error.class] : ExitStatus.failed;
}
