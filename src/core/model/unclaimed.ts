import type { ProcessIdentity } from './process.ts';

/** What follows the pid of a process that writes to the log of an instance as only the instance's own should: why nothing is done, and what to do. */
export const unclaimedWords = (instance: string, { pid }: Pick<ProcessIdentity, 'pid'>): string =>
  `it writes to the log of ${instance} as only its own process should, but no record or pidfile names it: nothing is started beside it; if it is ${instance}, run workerctl adopt ${instance} ${pid}; otherwise end it with kill -TERM ${pid}`;
