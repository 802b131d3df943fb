import { constants } from 'node:os';
import { exitCodeOfSignal, exitCodes } from '../core/basics/exit-codes.ts';

/** Whether a signal has asked the command to end. */
export interface Interruption {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  readonly received: () => number | undefined;
  /** How a command that lasts until then ends: 0 if no signal has come. */
  readonly exitCode: () => number;
  readonly dispose: () => void;
}

/**
 * Ends the waiting of a command at SIGINT, SIGTERM or SIGHUP, so that it can still say what remains to be done and what
 * completes it. A second signal ends the process at once, but not a hangup: of a closed terminal the kernel tells us, and
 * then the shell once more.
 */
export function interruption(): Interruption {
  const aborted = new AbortController();
  let received: number | undefined;
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const handle = (name: (typeof names)[number]): void => {
    const signal = constants.signals[name];
    if (received === undefined) {
      received = signal;
      aborted.abort();
    } else if (name !== 'SIGHUP') process.exit(exitCodeOfSignal(signal));
  };
  for (const name of names) process.on(name, handle);
  return {
    signal: aborted.signal,
    received: () => received,
    exitCode: () => (received === undefined ? exitCodes.done.code : exitCodeOfSignal(received)),
    dispose: () => {
      for (const name of names) process.off(name, handle);
    },
  };
}
