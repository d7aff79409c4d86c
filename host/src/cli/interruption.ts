/** Ctrl-C and its like: the first one asks for a clean stop, a second Ctrl-C stops at once. */
import { InterruptedError } from '../errors.js';
import { ExitStatus } from './exit-status.js';
import { standardError, wrapped } from './terminal.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruption {
  /** Aborted by the first SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal was closed, the connection lost), with an InterruptedError as its reason. */
  readonly signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  dispose(): void;
}

/** Listens from now on. `notice` is printed on stderr at the first Ctrl-C. */
export function listenForInterruption(notice: string): Interruption {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      // a terminal that closes may say so twice: its shell passes the signal on
      if (signal !== 'SIGHUP') process.exit(ExitStatus.interrupted);
      return;
    }
    standardError.write(`\n${wrapped(`${notice}; Ctrl-C again stops at once`, standardError.columns)}\n`);
    controller.abort(new InterruptedError('interrupted'));
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose() {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
