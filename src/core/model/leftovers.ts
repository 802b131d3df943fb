import { formatNames } from '../basics/names.ts';
import type { ProcessIdentity } from './process.ts';

/** A living process that a dead one left behind. */
export interface LeftProcess {
  readonly pid: number;
  /** The kernel's name for what it runs. Source: proc_pid_comm(5). */
  readonly name: string;
}

/** What a dead process left in its session, such as pool children or jobs that it forked. */
export interface Leftovers {
  /** The dead process. */
  readonly of: ProcessIdentity;
  /** At least one. */
  readonly processes: readonly LeftProcess[];
  /** Whether they were reported before. */
  readonly isReported: boolean;
}

/** `124 (ruby), 125 (ruby)`. */
export const namedProcesses = (processes: readonly LeftProcess[]): string =>
  formatNames(processes.map(({ pid, name }) => `${pid} (${name})`));

/** `left behind by pid 123, still running: 124 (ruby), 125 (ruby)`. */
export const leftWords = (pid: number, processes: readonly LeftProcess[]): string =>
  `left behind by pid ${pid}, still running: ${namedProcesses(processes)}`;

/** What an instance waits for if it must not be started while leftovers live. */
export const awaitedWords = ({ of, processes }: Leftovers): string =>
  `waiting for what pid ${of.pid} left behind: ${namedProcesses(processes)}`;
