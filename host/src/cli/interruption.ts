/** Ctrl-C: the first one asks for a clean stop, the second one stops at once. */
import { InterruptedError } from '../errors.js';
import { ExitStatus } from './exit-status.js';

export interface Interruption {
  /** Aborted by the first SIGINT or SIGTERM, with an InterruptedError as its reason. */
  readonly signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  dispose(): void;
}

/** Listens from now on. `notice` is printed on stderr at the first Ctrl-C. */
export function listenForInterruption(notice: string): Interruption {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(ExitStatus.interrupted);
    process.stderr.write(`\n${notice}; Ctrl-C again stops at once\n`);
    controller.abort(new InterruptedError('interrupted'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
