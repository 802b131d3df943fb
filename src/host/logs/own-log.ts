import { readlinkSync } from 'node:fs';
import { realPathOrSelf } from '../files/real-path.ts';
import { fileKeyAt } from './lost-log.ts';

/** What a process writes to with its standard output and error: regular files as `device:inode`, pipes by their names. */
export const outputsOf = (pid: number): string[] =>
  [1, 2].flatMap((fd) => {
    const path = `/proc/${pid}/fd/${fd}`;
    return fileKeyAt(path) ?? pipeName(path) ?? [];
  });

/** What only the processes of an instance write to: these logs of it, or the pipe to its logger. */
export const ownOutputs = (
  instance: string,
  stateDir: string,
  ownLogs: readonly string[],
): string[] => [
  `${realPathOrSelf(stateDir)}/${instance}.fifo (deleted)`, // as start-logger.ts makes it
  ...ownLogs.flatMap((log) => fileKeyAt(log) ?? []),
];

function pipeName(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // gone, or not ours to see
  }
}
